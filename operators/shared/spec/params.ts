/** Parameters that several operators have. */
import { z } from "zod";
import { expressionSchema } from "../../../contract/expression.js";
import { DATATYPES, type DType } from "../../../triton-protos/datatype.js";

export const scalar = z.union([z.number(), z.string(), z.boolean()]);

export const dtype = z.enum(DATATYPES.map(row => row.name) as [DType, ...DType[]]);

export const perColumn = <T extends z.ZodType>(value: T) => z.record(z.string(), value);

/** The condition of a search, over attributes of items and columns of the user. */
export const itemCondition = {
  /** The function as its author wrote it, for people. */
  text: z.string(),
  /** All must hold; names are those of contract/where.ts. */
  conditions: z.array(expressionSchema).min(1),
};

/** Columns that are taken together, by name. Written by the compiler, from the author's lists in lists. */
export const groups = z.array(z.array(z.string()).min(1)).default([]);

/** Fills lists that are shorter than a tensor is wide; longer ones lose items on the same side. */
export const padding = z.strictObject({
  value: z.number().default(0),
  side: z.enum(["left", "right"]).default("right"),
});

/** Mixes a row's number into the hash, as NVTabular does on CPU; for parity alone. */
export const nvtabularHash = z.boolean().optional();

/** Divides by the rows of a group, those whose value is null among them, as NVTabular does. */
export const nvtabularNulls = z.boolean().optional();

/** Results of `groupby` for the values of a group. */
export const AGGREGATIONS = [
  "list",
  "first",
  "last",
  "count",
  "nunique",
  "sum",
  "mean",
  "std",
  "var",
  "median",
  "min",
  "max",
] as const;
