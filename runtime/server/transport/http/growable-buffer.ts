/**
 * Memory of growable byte buffers: bodies and responses.
 */
import type { Charge } from "../../../base/memory/memory-budget.js";

export interface GrowableMemory {
  /** A buffer of this size. @throws RuntimeFault if the server's memory is used up */
  make(length: number): Buffer;
  /** Takes back a buffer that has become too small. */
  outgrown(buffer: Buffer): void;
}

export const UNCHARGED: GrowableMemory = { make: length => Buffer.allocUnsafe(length), outgrown() {} };

/** Memory that is charged to a request. */
export const chargedMemory = (charge: Charge): GrowableMemory => ({
  make(length) {
    charge.add(length);
    return Buffer.allocUnsafe(length);
  },
  outgrown: ({ length }) => charge.subtract(length),
});
