/**
 * Column → pandas' 64-bit hash of each value, as the kernels use it. Integers are hashed in the graph, bit for bit, and texts by a table,
 * if all possible values are known.
 */

import { bitXor, cast, encode, mul, scalar, shiftRight, where } from "../../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../../compiler/onnx/graph-builder.js";
import { siphash } from "../../../formats/hashes/siphash.js";
import { datatype } from "../../../triton-protos/datatype.js";
import { isFloat, type LoweredColumn } from "./lowered-column.js";
import { KEEP, type LowerContext } from "./lowering.js";

const [FIRST, SECOND] = [0xbf58476d1ce4e5b9n, 0x94d049bb133111ebn];
const signed = (x: bigint): bigint => BigInt.asIntN(64, x);

/** @param name of the column, for messages @returns int64: the hash's bits */
export function hashColumn(context: LowerContext, col: LoweredColumn, name: string): Value {
  const { g } = context;
  if (isFloat(col))
    context.fail(
      `column \`${name}\` is ${col.dtype}, and no ONNX operator reads the bits of a float`,
      `Hash an integer or a text, \`bucketize\` the number, or ${KEEP}.`,
    );
  const hashes = col.dtype === "string" ? hashTexts(context, col, name) : mix(g, bits(g, col));
  // A null is all ones.
  return col.valid ? where(g, col.valid, hashes, scalar(g, "int64", -1n)) : hashes;
}

/** The hash modulo a number of buckets, int64. */
export const bucketOf = (g: GraphBuilder, hashes: Value, buckets: number): Value =>
  cast(g, g.op("Mod", [cast(g, hashes, "uint64"), g.constant("uint64", [], [BigInt(buckets)])], "uint64"), "int64");

function hashTexts(context: LowerContext, { domain, values }: LoweredColumn, name: string): Value {
  if (!domain)
    return context.fail(
      `column \`${name}\` can hold any text, and no ONNX operator hashes texts`,
      `Take the text from a frozen feature view, encode it with \`categorify\` and one bucket, send its bucket as an integer column, or ${KEEP}.`,
    );
  const texts = [...domain].sort();
  return encode(context.g, values, texts, texts.map(hashText), 0n);
}

/** Narrow integers are extended with zeros from their own width. */
function bits(g: GraphBuilder, { dtype, values }: LoweredColumn): Value {
  const { kind, bytes } = datatype(dtype);
  if (kind !== "int" || bytes === 8) return cast(g, values, "int64");
  return cast(g, cast(g, values, bytes === 1 ? "uint8" : bytes === 2 ? "uint16" : "uint32"), "int64");
}

/** x ^= x >> 30; x *= FIRST; x ^= x >> 27; x *= SECOND; x ^= x >> 31. Products of int64 and uint64 have the same bits. */
function mix(g: GraphBuilder, x: Value): Value {
  const fold = (value: Value, by: number): Value => {
    const unsigned = cast(g, value, "uint64");
    return cast(g, bitXor(g, unsigned, shiftRight(g, unsigned, by)), "int64");
  };
  const product = (value: Value, by: bigint) => mul(g, value, scalar(g, "int64", signed(by)));
  return fold(product(fold(product(fold(x, 30), FIRST), 27), SECOND), 31);
}

function hashText(text: string): bigint {
  const words = new Int32Array(2);
  siphash(text, words, 0);
  const wrap = (x: bigint) => BigInt.asUintN(64, x);
  let x = wrap((BigInt(words[1]!) << 32n) | BigInt(words[0]! >>> 0));
  x = wrap((x ^ (x >> 30n)) * FIRST);
  x = wrap((x ^ (x >> 27n)) * SECOND);
  return signed(x ^ (x >> 31n));
}
