/**
 * How a column travels as tensors, in requests and answers and between the stages of an ensemble: names, dtypes and dims.
 *
 * | column                                  | tensors                                               |
 * |-----------------------------------------|-------------------------------------------------------|
 * | scalar; vector of `w` values            | `c` [n] or [n, 1]; `c` [n, w]                         |
 * | list without a fixed length             | `c__values` [items], `c__offsets` INT32 [n + 1]       |
 * | one that may hold nulls                 | the same, and `c__validity` BOOL: false for a null    |
 * | lists that may be null as a whole       | the same, and `c__validity` [n]: false for a null list |
 *
 * `answer-form.ts` has the forms of candidates in answers. Between stages the columns of candidates share one tensor that maps them to their parent
 * rows: see `rowsTensor`.
 */
import { type ConfigType, type DType, datatype } from "../triton-protos/datatype.js";
import { type AnswerForm, isPadded, isPaired } from "./answer-form.js";
import { type ColumnSchema, isRagged, REQUEST_ROWS } from "./schema.js";

export interface TensorConfig {
  readonly name: string;
  readonly data_type: ConfigType;
  readonly dims: readonly number[];
}

/** The part of a column that a tensor holds. */
export type Part = "values" | "offsets" | "validity";

export interface ColumnTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly part: Part;
  /** −1 for a dimension that varies by request. */
  readonly dims: readonly number[];
}

export const valuesName = (column: string): string => `${column}__values`;
export const offsetsName = (column: string): string => `${column}__offsets`;
export const validityName = (column: string): string => `${column}__validity`;

/** All possible names of the column's tensors. */
export const tensorNames = (column: string): readonly string[] => [
  column,
  valuesName(column),
  offsetsName(column),
  validityName(column),
];

/** Columns whose validity tensor does not have the name of another column. */
export function markable<C extends Pick<ColumnSchema, "name">>(columns: readonly C[]): readonly C[] {
  const taken = new Set(columns.map(({ name }) => name));
  return columns.filter(({ name }) => !taken.has(validityName(name)));
}

export const tensor = (name: string, dtype: DType, dims: readonly number[]): TensorConfig => ({
  name,
  data_type: datatype(dtype).config,
  dims: [...dims],
});

export const configOf = ({ name, dtype, dims }: ColumnTensor): TensorConfig => tensor(name, dtype, dims);

/**
 * Tensors of a column in a request or an answer.
 * @param nullable whether its nulls are marked, in the shape of its values
 * @returns dims without the batch dimension where the form has one
 */
export function entryColumn(col: ColumnSchema, form: AnswerForm, nullable = false): readonly ColumnTensor[] {
  const { list } = col;
  const batched = form === "batched";
  if (isPaired(col, form)) return pair(col, nullable);
  if (isPadded(col, form)) return whole(col, col.name, batched ? [-1] : [-1, -1], nullable);
  const dims = batched ? [list?.min ?? 1] : list ? [-1, list.min] : [-1];
  return whole(col, col.name, dims, nullable);
}

/** Layout of candidates between stages. `runs`: one parent row's candidates after another's. `places`: the same number for each parent row, some not taken. */
export type RowsForm = "runs" | "places";

export interface StageColumn {
  readonly nullable?: boolean;
  /** A scalar as [n, 1]. */
  readonly matrix?: boolean;
  /** Form of rows that are not the request's. */
  readonly rows?: RowsForm;
}

/**
 * Tensors of a column between two stages of an ensemble. Runs of candidates are named as items of lists are: both have offsets.
 * @returns full dims: the models of an ensemble have no batch dimension of Triton's own
 */
export function stageColumn(
  col: Pick<ColumnSchema, "name" | "dtype" | "list" | "rows">,
  { nullable = false, matrix = false, rows = "runs" }: StageColumn = {},
): readonly ColumnTensor[] {
  const { name, list } = col;
  if (isRagged(col)) return pair(col, nullable);
  const values = rows === "runs" && col.rows !== REQUEST_ROWS ? valuesName(name) : name;
  const dims = list ? [-1, list.min] : [-1];
  return whole(col, values, !list && matrix ? [-1, 1] : dims, nullable, dims);
}

/** Name of the tensor that maps a step's rows to their parent rows: INT32 offsets of runs, or a BOOL mask of occupied positions. */
export const rowsTensor = (step: string, form: RowsForm): string => `${step}#${form === "runs" ? "offsets" : "mask"}`;

type Named = Pick<ColumnSchema, "name" | "dtype">;

function whole(
  { name, dtype }: Named,
  values: string,
  dims: readonly number[],
  nullable: boolean,
  marks = dims,
): readonly ColumnTensor[] {
  return [
    { name: values, dtype, part: "values", dims },
    ...(nullable ? [{ name: validityName(name), dtype: "bool", part: "validity", dims: marks } as const] : []),
  ];
}

function pair({ name, dtype }: Named, nullable: boolean): readonly ColumnTensor[] {
  const dims = [-1];
  return [
    { name: valuesName(name), dtype, part: "values", dims },
    { name: offsetsName(name), dtype: "int32", part: "offsets", dims },
    ...(nullable ? [{ name: validityName(name), dtype: "bool", part: "validity", dims } as const] : []),
  ];
}
