/**
 * Decoded feature values → the typed array of their column. Widening casts are accepted (an INT32 in the store for INT64 in the view).
 * Anything that would change a value is a fault.
 */

import type { BytesForm } from "../../../formats/feast/feast-key.js";
import type { ValueSink } from "../../../formats/feast/feast-value.js";
import { type DType, datatype } from "../../../triton-protos/datatype.js";
import { allocate, type Values } from "../../base/columns/table.js";
import { words } from "../../base/columns/words.js";
import { internal, invalid } from "../../base/errors.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export interface ColumnSink extends ValueSink {
  /** The index of the next value. */
  at: number;
  /** Values up to `length`, or all there is room for; the array itself where it has that length. */
  values(length: number, all?: boolean): Values;
}

/** @param what the feature, for messages @param capacity first guess; it grows @param form of BYTES */
export function columnSink(dtype: DType, capacity: number, what: string, form: BytesForm): ColumnSink {
  let values = allocate(dtype, Math.max(1, capacity));
  if (datatype(dtype).kind === "float") (values as Float64Array).fill(Number.NaN);
  const refuse = (seen: string): never => {
    throw internal(
      `${what} is ${dtype} in the registry, and the store holds ${seen}. Run \`feast apply\` and materialize the view again.`,
    );
  };
  const room = (): void => {
    if (sink.at < values.length) return;
    const larger = allocate(dtype, values.length * 2);
    if (Array.isArray(values)) for (let i = 0; i < values.length; i++) (larger as string[])[i] = values[i] as string;
    else (larger as Float64Array).set(values as Float64Array);
    values = larger;
    pairs = wide ? words(values as BigInt64Array) : pairs;
  };
  const wide = values instanceof BigInt64Array;
  let pairs = wide ? words(values as BigInt64Array) : new Int32Array(0);
  const { kind } = datatype(dtype);
  const sink: ColumnSink = {
    at: 0,
    number: value => {
      room();
      if (wide && Number.isSafeInteger(value)) {
        pairs[2 * sink.at] = value;
        pairs[2 * sink.at + 1] = Math.floor(value / 2 ** 32);
      } else if (
        kind === "float" ||
        (kind === "int" && !wide && (value | 0) === value) ||
        (kind === "bool" && (value === 0 || value === 1))
      )
        (values as Float64Array)[sink.at] = value;
      else refuse(`the number ${value}`);
      sink.at++;
    },
    words: (lo, hi) => {
      room();
      if (wide) {
        pairs[2 * sink.at] = lo;
        pairs[2 * sink.at + 1] = hi;
      } else if (kind === "int" && hi === lo >> 31) (values as Int32Array)[sink.at] = lo;
      else refuse("an INT64");
      sink.at++;
    },
    string: value => {
      room();
      if (kind !== "string") refuse(`the string ${JSON.stringify(value)}`);
      (values as string[])[sink.at] = value;
      sink.at++;
    },
    bytes: value => {
      if (kind !== "string") refuse(`${value.length} bytes`);
      if (form === "base64") return sink.string(Buffer.from(value).toString("base64"));
      try {
        sink.string(utf8.decode(value));
      } catch {
        throw invalid(`${what} holds ${value.length} bytes that are not UTF-8. Read them as \`bytes: "base64"\`.`);
      }
    },
    values: (length, all) => (all || values.length === length ? values : (values.slice(0, length) as Values)),
  };
  return sink;
}
