/**
 * InferTensorContents: the typed fields of one input → the raw form of the datatype the input declares.
 */
import { wireDatatype } from "../../../triton-protos/datatype.js";
import { packStrings } from "../../backends/strings.js";
import type { Cursor } from "./wire.js";

/** The typed fields that were not empty, by field number. Numbers are kept as read: floats as bytes, integers as varints. */
export type Contents = ReadonlyMap<number, Field>;

type Field =
  | { readonly kind: "varints"; readonly values: (number | bigint)[] }
  | { readonly kind: "fixed"; readonly chunks: Buffer[] }
  | { readonly kind: "strings"; readonly values: Buffer[] };

/** Name and wire kind of each field. */
const FIELDS: Readonly<
  Record<
    number,
    { readonly name: string; readonly label: string; readonly wire: "varint" | "big" | "fixed4" | "fixed8" | "bytes" }
  >
> = {
  1: { name: "bool_contents", label: "BOOL", wire: "varint" },
  2: { name: "int_contents", label: "INT32", wire: "varint" },
  3: { name: "int64_contents", label: "INT64", wire: "big" },
  4: { name: "uint_contents", label: "UINT32", wire: "varint" },
  5: { name: "uint64_contents", label: "UINT64", wire: "big" },
  6: { name: "fp32_contents", label: "FP32", wire: "fixed4" },
  7: { name: "fp64_contents", label: "FP64", wire: "fixed8" },
  8: { name: "bytes_contents", label: "BYTES", wire: "bytes" },
};

export function decodeContents(cursor: Cursor): Contents {
  const fields = new Map<number, Field>();
  const field = <K extends Field["kind"]>(
    number: number,
    empty: Extract<Field, { kind: K }>,
  ): Extract<Field, { kind: K }> => {
    const found = fields.get(number);
    if (found) return found as Extract<Field, { kind: K }>;
    fields.set(number, empty);
    return empty;
  };
  while (!cursor.done) {
    const tag = cursor.varint();
    const [number, wireType] = [Math.floor(tag / 8), tag & 7];
    const known = FIELDS[number];
    if (!known) {
      cursor.skip(wireType);
      continue;
    }
    if (known.wire === "bytes" && wireType === 2)
      field<"strings">(number, { kind: "strings", values: [] }).values.push(cursor.block());
    else if (known.wire === "fixed4" || known.wire === "fixed8") {
      const chunk = wireType === 2 ? cursor.block() : cursor.take(known.wire === "fixed4" ? 4 : 8);
      if (chunk.length > 0) field<"fixed">(number, { kind: "fixed", chunks: [] }).chunks.push(chunk);
    } else {
      const inner = wireType === 2 ? cursor.message() : cursor;
      if (inner !== cursor && inner.done) continue;
      const { values } = field<"varints">(number, { kind: "varints", values: [] });
      do values.push(known.wire === "big" ? inner.bigVarint() : inner.low32());
      while (inner !== cursor && !inner.done);
    }
  }
  return fields;
}

export interface TypedProblem {
  /** `type`: a field of another datatype; `twice`: a second field. */
  readonly problem: "type" | "twice";
  readonly label: string;
}

/** Typed contents → raw bytes of the datatype, or what is wrong with them. */
export function packContents(contents: Contents, datatype: string): Uint8Array | TypedProblem {
  const row = wireDatatype(datatype);
  let packed: Uint8Array | undefined;
  for (const [number, content] of [...contents].sort(([a], [b]) => a - b)) {
    const { name, label } = FIELDS[number]!;
    if (packed) return { problem: "twice", label };
    if (row?.contents !== name) return { problem: "type", label };
    packed = pack(content, row.bytes);
  }
  return packed ?? new Uint8Array(0);
}

function pack(content: Field, bytes: number): Uint8Array {
  if (content.kind === "strings") return packStrings(content.values);
  if (content.kind === "fixed") return content.chunks.length === 1 ? content.chunks[0]! : Buffer.concat(content.chunks);
  const { values } = content;
  if (bytes === 8) return new Uint8Array(BigUint64Array.from(values as bigint[]).buffer);
  // The array keeps the low bits of each value, as the narrowing casts of C++ do.
  const array =
    bytes === 4
      ? new Uint32Array(values.length)
      : bytes === 2
        ? new Uint16Array(values.length)
        : new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) array[i] = values[i] as number;
  return new Uint8Array(array.buffer);
}
