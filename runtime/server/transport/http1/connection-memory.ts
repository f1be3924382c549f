/**
 * A connection's memory for its client, charged to the server's budget: requests that wait for their turn, and responses that the client
 * has not read.
 */
import type { Socket } from "node:net";
import { type Charge, type MemoryBudget, unlimitedMemory } from "../../../base/memory/memory-budget.js";
import type { Relief, Unread } from "../relief.js";

/** The memory of the server that a connection is a part of. */
export interface ServerMemory {
  readonly budget: MemoryBudget;
  readonly relief: Relief;
}

/** Node's handle inside a socket; its own time-outs read it for the same reason. */
interface Handle {
  readonly writeQueueSize?: number;
}

const NO_RELIEF: Relief = { check() {}, stop() {} };
export const unlimited = (): ServerMemory => ({ budget: unlimitedMemory(), relief: NO_RELIEF });

export class ConnectionMemory implements Unread {
  readonly #socket: Socket;
  readonly #charge: Charge;
  readonly #relief: Relief;
  /** Bytes of responses that are charged until they are sent. */
  #elsewhere = 0;
  #unread = 0;
  #moved = 0;
  #queued: number | undefined;

  constructor(socket: Socket, { budget, relief }: ServerMemory) {
    this.#socket = socket;
    this.#charge = budget.open();
    this.#relief = relief;
  }

  /** Bytes of responses that the client leaves unread. */
  get bytes(): number {
    return this.#unread;
  }

  /**
   * The last time the system took some of them. A long write is over only with its last byte, so each check compares the remaining bytes.
   */
  get moved(): number {
    const queued = (this.#socket as { readonly _handle?: Handle })._handle?.writeQueueSize;
    if (queued !== this.#queued) {
      this.#queued = queued;
      this.#moved = performance.now();
    }
    return this.#moved;
  }

  cut(): void {
    // The socket closes in a later turn; until then it would count, and more clients than needed would be cut.
    this.release();
    this.#socket.destroy();
  }

  /** @returns `sent`, for a response whose maker charges it until then */
  chargedElsewhere(size: number, sent: () => void): () => void {
    this.#elsewhere += size;
    return () => {
      this.#elsewhere -= size;
      sent();
    };
  }

  /** Call when the connection has read or written. @param held bytes of requests that wait */
  update(held: number): void {
    const socket = this.#socket;
    if (held === 0 && this.#charge.bytes === 0 && socket.writableLength === 0) {
      this.#unread = 0;
      return;
    }
    // A socket says when it has taken all only after it could not take all at once.
    const unread = socket.writableNeedDrain ? socket.writableLength : 0;
    if (unread < this.#unread || (unread > 0 && this.#unread === 0)) this.#moved = performance.now();
    this.#unread = unread;
    const total = held + Math.max(0, unread - this.#elsewhere);
    const more = total - this.#charge.bytes;
    if (more < 0) this.#charge.subtract(-more);
    else if (more > 0) {
      this.#charge.force(more);
      this.#relief.check();
    }
  }

  release(): void {
    this.#unread = 0;
    this.#charge.release();
  }
}
