/**
 * A column of entity keys → the keys' bytes in Feast's form. The first key is encoded in full, the others differ in their last bytes.
 */
import { type JoinKey, type KeyVersion, keyEncoder } from "../../../triton-protos/artefacts/feast-key.js";
import { RuntimeFault } from "../../errors.js";
import { type Column, words } from "../../plan/table.js";

/** @returns an encoder of columns for a view with one join key */
export function keyColumnEncoder(join: JoinKey, version: KeyVersion): (keys: Column) => Uint8Array[] {
  const encode = keyEncoder([join], version);
  const one = (value: bigint | number | string): Uint8Array => {
    try {
      return encode([value]);
    } catch (error) {
      throw new RuntimeFault("INVALID_ARGUMENT", (error as Error).message);
    }
  };
  const wide = (join.type === "INT64" && version > 1) || join.type === "UNIX_TIMESTAMP";
  return keys => {
    const { values } = keys;
    if (!wide || !(values instanceof BigInt64Array))
      return Array.from(values as ArrayLike<bigint | number | string>, one);
    const template = one(0n);
    const pairs = words(values);
    return Array.from({ length: values.length }, (_, i) => {
      const key = template.slice();
      for (let b = 0; b < 4; b++) {
        key[key.length - 8 + b] = pairs[2 * i]! >>> (8 * b);
        key[key.length - 4 + b] = pairs[2 * i + 1]! >>> (8 * b);
      }
      return key;
    });
  };
}
