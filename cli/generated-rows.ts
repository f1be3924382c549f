/** Rows of a model's columns, the same in each build: ids from the column's own domain, lists of different lengths, no nulls. */
import { type ColumnSchema, fixedLength, isRagged } from "../contract/schema.js";
import { allocate, type Column, gather, rootRows } from "../runtime/base/columns/table.js";
import { type DType, datatype } from "../triton-protos/datatype.js";

export const ROWS = 8;
const LENGTHS = [2, 1, 3, 0, 5, 1, 4, 2];
/** Small enough for any table of weights. */
const LARGEST_ID = 3;

/** @param seed of the numbers */
export function generateColumn(schema: ColumnSchema, seed: number): Column {
  const rows = rootRows(ROWS);
  const width = fixedLength(schema);
  const lengths = Array.from({ length: ROWS }, (_, row) => (isRagged(schema) ? LENGTHS[row]! : (width ?? 1)));
  const offsets = Int32Array.from([
    0,
    ...lengths.map((_, row) => lengths.slice(0, row + 1).reduce((a, b) => a + b, 0)),
  ]);
  const values = allocate(schema.dtype, offsets[ROWS]!) as { [i: number]: unknown; readonly length: number };
  const value = valuesOf(schema, seed);
  for (let i = 0; i < values.length; i++) values[i] = value();
  return {
    dtype: schema.dtype,
    rows,
    values: values as unknown as Column["values"],
    ...(isRagged(schema) ? { offsets } : width !== undefined && { width }),
  };
}

/** Some of the rows, in this order. */
export const someRows = (columns: readonly Column[], places: readonly number[]): Column[] => {
  const rows = rootRows(places.length);
  return columns.map(column => gather(column, Int32Array.from(places), rows));
};

function valuesOf({ dtype, properties }: ColumnSchema, seed: number): () => unknown {
  const random = generator(seed);
  const { kind } = datatype(dtype);
  if (kind === "float") return () => 2 * random() - 1;
  const { domain } = properties;
  const max = typeof domain === "object" && domain && !Array.isArray(domain) ? domain.max : undefined;
  const most = kind === "bool" ? 1 : typeof max === "number" ? Math.min(max, LARGEST_ID) : LARGEST_ID;
  const whole = () => Math.floor(random() * (most + 1));
  if (kind === "string") return () => "abcd"[whole()];
  return isWide(dtype) ? () => BigInt(whole()) : whole;
}

const isWide = (dtype: DType): boolean => dtype === "int64" || dtype === "uint64";

function generator(seed: number): () => number {
  let state = seed + 1;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  // The first numbers of neighboring seeds are alike.
  for (let i = 0; i < 8; i++) next();
  return next;
}
