/**
 * Frames that leave through one socket: those of one turn in one call of the system, and counted until the system has them.
 */
import type { Socket } from "node:net";
import type { Charge } from "../../base/memory/memory-budget.js";

export interface Outbox {
  /** Bytes that wait. */
  readonly waiting: number;
  /** @param sent called when the system has the bytes, or never will: the memory is free again */
  send(pieces: readonly Uint8Array[], sent?: () => void): void;
}

/** @param charge takes the bytes that wait */
export function createOutbox(socket: Socket, charge: Charge): Outbox {
  let waiting = 0;
  let corked = false;
  const uncork = (): void => {
    corked = false;
    socket.uncork();
  };
  return {
    get waiting() {
      return waiting;
    },
    send(pieces, sent) {
      if (socket.destroyed || !socket.writable) {
        sent?.();
        return;
      }
      let size = 0;
      for (const { byteLength } of pieces) size += byteLength;
      waiting += size;
      charge.force(size);
      if (!corked) {
        corked = true;
        socket.cork();
        process.nextTick(uncork);
      }
      const last = pieces.length - 1;
      for (let i = 0; i < last; i++) socket.write(pieces[i]!);
      socket.write(pieces[last]!, () => {
        waiting -= size;
        charge.subtract(size);
        sent?.();
      });
    },
  };
}
