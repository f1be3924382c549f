/** A column of ids → the two hashes that Bloom filters know an id by; the layout is in `formats/hashes/bloom.ts`. */
import type { Values } from "../../../runtime/base/columns/table.js";
import { words } from "../../../runtime/base/columns/words.js";
import { murmur3 } from "../../../runtime/stores/feast/murmur3.js";

/** `a[i]` and `b[i]` of id i. */
export interface IdHashes {
  readonly a: Uint32Array;
  readonly b: Uint32Array;
}

export function idHashes(values: Values): IdHashes {
  const a = new Uint32Array(values.length);
  const b = new Uint32Array(values.length);
  const bytes = new Uint8Array(8);
  const pair = new Int32Array(bytes.buffer);
  const wide = values instanceof BigInt64Array || values instanceof BigUint64Array ? words(values) : undefined;
  const utf8 = new TextEncoder();
  for (let i = 0; i < values.length; i++) {
    let of = bytes;
    if (wide) {
      pair[0] = wide[2 * i]!;
      pair[1] = wide[2 * i + 1]!;
    } else if (typeof values[i] === "string") of = utf8.encode(values[i] as string);
    else {
      const number = values[i] as number;
      pair[0] = number | 0;
      pair[1] = number < 0 ? -1 : 0;
    }
    a[i] = murmur3(of, 0);
    b[i] = murmur3(of, 1) | 1;
  }
  return { a, b };
}
