/**
 * The ends of a connection's streams, for late frames: the last thousand are remembered, in four kilobytes.
 */

/** `reset` by us: the client may not know yet. `ended`: by an end of both sides, or by the client's reset, which the client has seen. */
export type Ending = "reset" | "ended";

const ROOM = 1024;

export class ClosedStreams {
  /** A stream's number; negative where it was reset. Clients count in twos. */
  #numbers: Int32Array | undefined;

  remember(stream: number, how: Ending): void {
    this.#numbers ??= new Int32Array(ROOM);
    this.#numbers[(stream >>> 1) % ROOM] = how === "reset" ? -stream : stream;
  }

  /** @returns undefined for a stream that was never opened, or long ago */
  ending(stream: number): Ending | undefined {
    const kept = this.#numbers?.[(stream >>> 1) % ROOM];
    return kept === stream ? "ended" : kept === -stream ? "reset" : undefined;
  }
}
