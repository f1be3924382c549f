/**
 * Columns and schemas as plain values: what a step declares before it has seen any data.
 */
import { z } from "zod";
import { DATATYPES, type DType } from "../triton-protos/datatype.js";

/** The rows of a request: one per user. */
export const REQUEST_ROWS = "request";

const dtypeNames = DATATYPES.map(row => row.name) as [DType, ...DType[]];

/** JSON values a column property may hold. */
export const jsonValue: z.ZodType<JsonValue> = z.lazy(() =>
  z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(jsonValue), z.record(z.string(), jsonValue)]),
);
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

export const columnSchema = z.strictObject({
  name: z.string().min(1),
  dtype: z.enum(dtypeNames),
  /**
   * Values per row for a list column: `min === max` is a fixed-length vector, `max: null` has no bound. Absent: a scalar. `nulls`: a whole
   * list may be null, which differs from an empty one; its items are not.
   */
  list: z
    .strictObject({
      min: z.number().int().min(0),
      max: z.number().int().min(0).nullable(),
      nulls: z.literal(true).optional(),
    })
    .optional(),
  /** Which rows the column has: `"request"`, or the id of the step that made the rows (candidates of a user, say). */
  rows: z.string().min(1).default(REQUEST_ROWS),
  tags: z.array(z.string()).default([]),
  properties: z.record(z.string(), jsonValue).default({}),
});

/** One column: name, dtype, per-row shape, the rows it belongs to, and its properties. */
export type ColumnSchema = Readonly<z.infer<typeof columnSchema>>;

/** An ordered list of columns with unique names. */
export type Schema = readonly ColumnSchema[];

/** Makes a column; everything but name and dtype has a default. */
export const column = (
  name: string,
  dtype: DType,
  rest: {
    list?: ColumnSchema["list"];
    rows?: string;
    tags?: readonly string[];
    properties?: ColumnSchema["properties"];
  } = {},
): ColumnSchema => ({
  name,
  dtype,
  ...(rest.list && { list: rest.list }),
  rows: rest.rows ?? REQUEST_ROWS,
  tags: [...(rest.tags ?? [])],
  properties: rest.properties ?? {},
});

/** `float32 price`, `list<int64> purchased_ids`, `float32[64] query_embedding`: how a column reads in messages. */
export const printColumn = (col: Pick<ColumnSchema, "name" | "dtype" | "list">): string =>
  `${printType(col)} ${col.name}`;

/** `float32`, `list<int64>`, `float32[64]`. */
export const printType = ({ dtype, list }: Pick<ColumnSchema, "dtype" | "list">): string => {
  if (!list) return dtype;
  return list.min === list.max ? `${dtype}[${list.min}]` : `list<${dtype}>`;
};

/** True for a column with a different number of values in each row. */
export const isRagged = (col: Pick<ColumnSchema, "list">): boolean => !!col.list && col.list.min !== col.list.max;

/** True for a column whose lists may be null as a whole. */
export const hasNullLists = ({ list }: Pick<ColumnSchema, "list">): boolean => list?.nulls === true;

/** How many values every row of a vector has; undefined for lists of any length and for scalars. */
export const fixedLength = ({ list }: Pick<ColumnSchema, "list">): number | undefined =>
  list && list.min === list.max ? list.min : undefined;

/** The column of that name, or undefined. */
export const findColumn = (schema: Schema, name: string): ColumnSchema | undefined => schema.find(c => c.name === name);
