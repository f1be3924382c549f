/**
 * Where bytes are put together that grow: bodies and answers.
 */
import type { Charge } from "../../../base/memory/memory-budget.js";

export interface GrowableMemory {
  /** GrowableMemory for so many bytes. @throws RuntimeFault when the server's memory is used up */
  make(length: number): Buffer;
  /** Takes back room that has become too small. */
  outgrown(room: Buffer): void;
}

export const UNCHARGED: GrowableMemory = { make: length => Buffer.allocUnsafe(length), outgrown() {} };

/** GrowableMemory whose bytes are charged. */
export const chargedMemory = (charge: Charge): GrowableMemory => ({
  make(length) {
    charge.add(length);
    return Buffer.allocUnsafe(length);
  },
  outgrown: ({ length }) => charge.subtract(length),
});
