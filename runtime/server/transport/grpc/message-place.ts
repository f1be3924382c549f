/**
 * The place of a large request in memory: the bytes of its first large tensor are aligned for typed arrays.
 */
import { Cursor } from "../../../wire/grpc/wire.js";

const ALIGNMENT = 8;
/** Field 7 of ModelInferRequest: a tensor's bytes. */
const RAW_CONTENTS = 58;
/** The minimum size of a large tensor. */
const MANY = 1024;

/** @param begin of a ModelInferRequest @returns how far from an aligned place it must begin; 0 where that is not seen from its begin */
export function alignedStart(begin: Buffer): number {
  const cursor = new Cursor(begin);
  try {
    while (!cursor.done) {
      const tag = cursor.tag();
      if (tag === RAW_CONTENTS) {
        // The bytes themselves need not have arrived.
        const start = cursor.at;
        const length = cursor.int64();
        if (length >= MANY) return (ALIGNMENT - (cursor.at % ALIGNMENT)) % ALIGNMENT;
        cursor.at = start;
      }
      cursor.skip(tag);
    }
  } catch {
    // The rest has not arrived, or is not such a message: the decoder reports it.
  }
  return 0;
}
