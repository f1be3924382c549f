/**
 * 64-bit values as pairs of 32-bit words, which move without becoming BigInts.
 */
/** The 32-bit halves of an int64 or uint64 column: `[2 i]` is the low word, `[2 i + 1]` the high one. */
export const words = (values: BigInt64Array | BigUint64Array): Int32Array =>
  new Int32Array(values.buffer, values.byteOffset, values.length * 2);
