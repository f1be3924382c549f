/** Ids a user has seen → the Bloom filter of them as a text column holds it; no ids, no filter. */

import { addToBloom, emptyBloom } from "#formats/hashes/bloom.js";
import { idHashes } from "#operators/shared/kernel/id-hashes.js";

export function bloomText(seen: readonly number[]): string {
  if (seen.length === 0) return "";
  const { bytes, filter } = emptyBloom(seen.length, 1e-4);
  const { a, b } = idHashes(BigInt64Array.from(seen, BigInt));
  for (let i = 0; i < a.length; i++) addToBloom(filter, a[i]!, b[i]!);
  return Buffer.from(bytes).toString("base64");
}

/** The same as words of 64 bits. */
export function bloomWords(seen: readonly number[]): bigint[] {
  const bytes = Uint8Array.from(Buffer.from(bloomText(seen), "base64"));
  return [...new BigInt64Array(bytes.buffer)];
}
