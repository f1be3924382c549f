/**
 * The operands of expressions: one value per row, as typed arrays.
 */
/** NaN is missing. */
export interface NumberVector {
  readonly type: "number";
  readonly values: Float64Array;
}

/**
 * Integers that doubles hold exactly, as in most columns: whole, -0 excluded, NaN if missing. None has an absolute value above `bound`,
 * which is at most 2^53.
 */
export interface SafeIntegers {
  readonly type: "integer";
  readonly values: Float64Array;
  readonly bound: number;
}

/** Integers of any 64 bits; 0 in `validity` is missing. */
export interface WideIntegers {
  readonly type: "integer";
  readonly values: BigInt64Array;
  readonly validity?: Uint8Array | undefined;
}

export type IntegerVector = SafeIntegers | WideIntegers;

/** 0, 1, and `MISSING`. */
export interface FlagVector {
  readonly type: "flag";
  readonly values: Uint8Array;
}

export interface TextVector {
  readonly type: "text";
  readonly values: readonly (string | undefined)[];
}

/** Row i has the items from `offsets[i]` to `offsets[i + 1]`. */
export interface ListVector {
  readonly type: "numbers" | "integers" | "texts";
  readonly offsets: Int32Array;
  readonly items: Float64Array | IntegerVector | readonly (string | undefined)[];
  /** 1 for a row that has no list, such as the parts of a missing text. A column's lists are never missing. */
  readonly missing?: Uint8Array;
}

export type Vector = NumberVector | IntegerVector | FlagVector | TextVector | ListVector;
