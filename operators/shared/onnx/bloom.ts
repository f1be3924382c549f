/**
 * Bloom filters as lists of int64, one per user, and candidates → whether a candidate is, most likely, in its user's filter. The layout is in
 * `formats/hashes/bloom.ts`. Hashes are numbers of 32 bits in int64.
 */
import {
  add,
  and,
  any,
  cast,
  dim,
  div,
  encode,
  equal,
  expand,
  gather,
  gatherElements,
  greater,
  guarded,
  int64,
  less,
  max,
  min,
  mul,
  not,
  or,
  range,
  reduce,
  reshape,
  scalar,
  shiftRight,
  sub,
  unsqueeze,
  where,
} from "../../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../../compiler/onnx/graph-builder.js";
import { amongTaken, isList, type LoweredColumn } from "./lowered-column.js";

const LOW = 0xffff_ffffn;
const [MAGIC, MOST_PLACES] = [0x3146_424dn, 64n];
const n = (g: GraphBuilder, x: bigint): Value => scalar(g, "int64", x);
const both = (g: GraphBuilder, a: Value, b: Value): Value => g.op("BitwiseAnd", [a, b], "int64");
const low = (g: GraphBuilder, a: Value): Value => both(g, a, n(g, LOW));
const xor = (g: GraphBuilder, a: Value, b: Value): Value => g.op("BitwiseXor", [a, b], "int64");
/** For numbers below 2^32. */
const times = (g: GraphBuilder, a: Value, factor: bigint): Value => low(g, mul(g, a, n(g, factor)));
const rotated = (g: GraphBuilder, a: Value, bits: bigint): Value =>
  add(g, times(g, a, 1n << bits), div(g, a, n(g, 1n << (32n - bits))));
const shifted = (g: GraphBuilder, a: Value, bits: bigint): Value => xor(g, a, div(g, a, n(g, 1n << bits)));

/** MurmurHash3 (x86, 32 bits) of integers as 8 bytes. */
function murmur(g: GraphBuilder, ids: Value, seed: bigint): Value {
  const high = cast(g, shiftRight(g, cast(g, ids, "uint64"), 32), "int64");
  let h = n(g, seed);
  for (const block of [low(g, ids), high]) {
    const mixed = times(g, rotated(g, times(g, block, 0xcc9e_2d51n), 15n), 0x1b87_3593n);
    h = low(g, add(g, mul(g, rotated(g, xor(g, h, mixed), 13n), n(g, 5n)), n(g, 0xe654_6b64n)));
  }
  h = shifted(g, xor(g, h, n(g, 8n)), 16n);
  h = shifted(g, times(g, h, 0x85eb_ca6bn), 13n);
  return shifted(g, times(g, h, 0xc2b2_ae35n), 16n);
}

/** Texts that are all known, as lists of words: a table. An invalid filter becomes an invalid word. */
function wordsOf(g: GraphBuilder, filters: LoweredColumn): LoweredColumn {
  const texts = [...filters.domain!].sort();
  const lists = texts.map(text => {
    const bytes = Uint8Array.from(Buffer.from(text, "base64"));
    return bytes.length % 8 === 0 ? [...new BigInt64Array(bytes.buffer)] : [1n];
  });
  const longest = Math.max(1, ...lists.map(list => list.length));
  const table = new BigInt64Array(lists.length * longest);
  lists.forEach((list, i) => {
    table.set(list, i * longest);
  });
  const sizes = BigInt64Array.from(lists, list => BigInt(list.length));
  const at = encode(
    g,
    filters.values,
    texts,
    texts.map((_, i) => i),
    0,
  );
  const lengths = gather(g, g.constant("int64", [lists.length], sizes), at);
  return {
    dtype: "int64",
    rows: filters.rows,
    values: gather(g, g.constant("int64", [lists.length, longest], table), at),
    lengths: filters.valid ? where(g, filters.valid, lengths, n(g, 0n)) : lengths,
  };
}

/**
 * @param ids int64[users, candidates]
 * @param given list<int64> per user, or texts that are all known; an empty or null one holds nothing
 * @param what of the column, for the fault of a list that is no filter
 * @returns bool[users, candidates]
 */
export function inBloom(g: GraphBuilder, ids: Value, given: LoweredColumn, what: string): Value {
  const filters = given.dtype === "string" ? wordsOf(g, given) : given;
  const { values, rows } = filters;
  if (!isList(filters)) throw new Error("a filter of one word is none; the compiler refuses it.");
  const longest = dim(g, values, 1);
  const lengths = filters.lengths ?? expand(g, longest, rows.count);
  const head = reshape(g, g.op("Slice", [values, int64(g, 0), int64(g, 1), int64(g, 1)], "int64"), int64(g, -1));
  const some = greater(g, lengths, n(g, 0n));
  const places = both(g, cast(g, shiftRight(g, cast(g, head, "uint64"), 32), "int64"), n(g, 0xffn));
  const odd = [
    less(g, lengths, n(g, 2n)),
    not(g, equal(g, low(g, head), n(g, MAGIC))),
    less(g, places, n(g, 1n)),
    greater(g, places, n(g, MOST_PLACES)),
  ].reduce((a, b) => or(g, a, b));
  const words = guarded(g, values, amongTaken(g, and(g, some, odd), rows, false), what);
  const a = murmur(g, ids, 0n);
  const b = low(g, g.op("BitwiseOr", [murmur(g, ids, 1n), n(g, 1n)], "int64"));
  const size = mul(g, max(g, sub(g, lengths, n(g, 1n)), n(g, 1n)), n(g, 64n));
  const used = where(g, some, places, n(g, 0n));
  const most = max(g, min(g, reduce(g, "ReduceMax", used, 0, true), int64(g, Number(MOST_PLACES))), int64(g, 1));
  const steps = range(g, most);
  // [users, candidates, places]
  const at = low(g, add(g, unsqueeze(g, a, 2), mul(g, steps, unsqueeze(g, b, 2))));
  const place = g.op("Mod", [at, unsqueeze(g, size, 1, 2)], "int64");
  const word = min(g, add(g, div(g, place, n(g, 64n)), n(g, 1n)), sub(g, longest, int64(g, 1)));
  const users = g.op("Concat", [rows.count, int64(g, -1)], "int64", { attributes: { axis: { int: 0 } } });
  const found = gatherElements(g, words, reshape(g, word, users));
  const bits = reshape(g, found, g.op("Shape", [place], "int64"));
  const shift = cast(g, g.op("Mod", [place, n(g, 64n)], "int64"), "uint64");
  const moved = g.op("BitShift", [cast(g, bits, "uint64"), shift], "uint64", {
    attributes: { direction: { text: "RIGHT" } },
  });
  const clear = equal(g, both(g, cast(g, moved, "int64"), n(g, 1n)), n(g, 0n));
  const missing = any(g, and(g, clear, less(g, steps, unsqueeze(g, used, 1, 2))), 2);
  return and(g, not(g, missing), unsqueeze(g, some, 1));
}
