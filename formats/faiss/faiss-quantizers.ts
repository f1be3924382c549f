/** Quantizers in a FAISS file: the size of their codes, and whether all data exists that FAISS reads without a check. */
import { damaged, FaissFileError, type FaissReader } from "./faiss-reader.js";

/** FAISS trains no finer parts: a part of 16 bits has 65,536 centroids. */
const MAX_BITS = 16;

export interface ProductQuantizer {
  /** Bytes a vector is kept in. */
  readonly codeSize: number;
  /** Bytes of the distances from one query to all centroids. */
  readonly table: number;
  /** Bytes of the distances between all pairs of centroids. */
  readonly pairs: number;
}

/** Reads `M` parts of `nbits` each. */
export function productQuantizer(r: FaissReader, dimension: number): ProductQuantizer {
  const d = r.count();
  const parts = r.count();
  const bits = r.count();
  if (d !== dimension || parts < 1 || dimension % parts !== 0 || bits < 1 || bits > MAX_BITS)
    throw damaged(
      r.where,
      `a product quantizer of ${parts} parts of ${bits} bits (1 to ${MAX_BITS} are supported) for ${d} dimensions`,
    );
  r.vector(dimension * 2 ** bits, 4, "centroids of the product quantizer");
  return {
    codeSize: Math.ceil((parts * bits) / 8),
    table: parts * 2 ** bits * 4,
    pairs: parts * 2 ** (2 * bits) * 4,
  };
}

/** By FAISS' number of the type: bits of a component, and fitted values, per dimension or for all. */
const SCALARS: readonly { readonly bits: number; readonly learnt?: "each" | "all" }[] = [
  { bits: 8, learnt: "each" },
  { bits: 4, learnt: "each" },
  { bits: 8, learnt: "all" },
  { bits: 4, learnt: "all" },
  { bits: 16 },
  { bits: 8 },
  { bits: 6, learnt: "each" },
  { bits: 16 },
  { bits: 8 },
];

/** @returns bytes a vector is kept in */
export function scalarQuantizer(r: FaissReader, dimension: number): number {
  const type = r.int32();
  r.skip(8, "range of the scalar quantizer");
  const d = r.count();
  const codeSize = r.count();
  const kind = SCALARS[type];
  if (!kind)
    throw new FaissFileError(
      `${r.where} has a scalar quantizer of FAISS' type ${type}, which is not supported. Use SQ8, SQ6, SQ4, SQfp16 or SQbf16.`,
    );
  if (d !== dimension || codeSize !== Math.ceil((dimension * kind.bits) / 8))
    throw damaged(r.where, `a scalar quantizer of ${codeSize} bytes for ${d} dimensions of ${kind.bits} bits`);
  const learnt = kind.learnt === undefined ? 0 : kind.learnt === "each" ? 2 * dimension : 2;
  r.vector(learnt, 4, "ranges of the scalar quantizer");
  return codeSize;
}
