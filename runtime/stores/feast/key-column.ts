/**
 * Columns of entity keys → the keys' bytes in Feast's form, and stored keys → columns. If there is one join key of 64 bits, the first key
 * is encoded in full and the others differ in their last bytes.
 */
import {
  type BytesForm,
  type JoinKey,
  type KeyPart,
  type KeyVersion,
  keyEncoder,
} from "../../../formats/feast/feast-key.js";
import { feastType } from "../../../formats/feast/feast-type.js";
import { allocate, type Column, type Rows } from "../../base/columns/table.js";
import { words } from "../../base/columns/words.js";
import { invalid } from "../../base/errors.js";

/** One value of a key column as a part of a key. */
const partOf = (join: JoinKey, value: KeyPart, form: BytesForm): KeyPart =>
  join.type === "BYTES" && form === "base64" ? Buffer.from(String(value), "base64") : value;

/** @returns an encoder of columns, in the order of `joins`; it throws RuntimeFault for a number that its type can not hold */
export function keyColumnsEncoder(
  joins: readonly JoinKey[],
  version: KeyVersion,
  form: BytesForm,
): (keys: readonly Column[]) => Uint8Array[] {
  const encode = keyEncoder(joins, version);
  const one = (parts: readonly KeyPart[]): Uint8Array => {
    try {
      return encode(parts);
    } catch (error) {
      throw invalid((error as Error).message);
    }
  };
  const [first] = joins;
  const wide = joins.length === 1 && ((first!.type === "INT64" && version > 1) || first!.type === "UNIX_TIMESTAMP");
  return columns => {
    const values = columns[0]!.values;
    if (!wide || !(values instanceof BigInt64Array))
      return Array.from({ length: columns[0]!.rows.count }, (_, i) =>
        one(columns.map((col, c) => partOf(joins[c]!, col.values[i] as KeyPart, form))),
      );
    const template = one([0n]);
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

/** Stored keys' parts → one column per join key. */
export function keyColumns(
  joins: readonly JoinKey[],
  keys: readonly (readonly KeyPart[])[],
  rows: Rows,
  form: BytesForm,
): Column[] {
  return joins.map(({ type }, c) => {
    const { dtype } = feastType(type);
    const values = allocate(dtype, keys.length) as { [i: number]: unknown };
    keys.forEach((parts, i) => {
      const part = parts[c]!;
      if (part instanceof Uint8Array) values[i] = Buffer.from(part).toString(form);
      else values[i] = values instanceof BigInt64Array ? BigInt(part) : part;
    });
    return { dtype, rows, values: values as unknown as Column["values"] };
  });
}

/** Names an entity in messages: `user_id 7, item_id 9`. */
export const describeKey = (joins: readonly JoinKey[], keys: readonly Column[], row: number): string =>
  joins.map(({ name }, c) => `${name} ${keys[c]!.values[row]}`).join(", ");
