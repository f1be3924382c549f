/** What an operator's step carries in a plan beside its author's parameters: the state that `merlon fit` found, and the files that it opens at load. */
import { z } from "zod";
import { DATATYPES, type DType } from "../triton-protos/datatype.js";
import { artefactPath } from "./files/artefact-path.js";
import type { OpKind } from "./op-params.js";

const dtype = z.enum(DATATYPES.map(row => row.name) as [DType, ...DType[]]);
const perColumn = <T extends z.ZodType>(value: T) => z.record(z.string(), value);

/** A file of the fitted folder or of the model's version directory, relative to the document that names it. */
const artefact = artefactPath;

/** What `merlon fit` learnt, for the operators that learn. */
export const OP_STATE = {
  /** Sample statistics over the non-null values: mean, and standard deviation with ddof 1. */
  normalize: z.strictObject({ columns: perColumn(z.strictObject({ mean: z.number(), std: z.number() })) }),
  targetEncoding: z.strictObject({
    /** Overall mean of each target, in output order. */
    means: perColumn(z.number()),
    /** Arrow file with columns `key 0`, …, and `count {target}` and `sum {target}` of each target. */
    groups: z.array(
      z.strictObject({
        columns: z.array(z.string()).min(1),
        table: artefact,
        /** The same by fold, which is column `key 0`. */
        folds: artefact.optional(),
      }),
    ),
  }),
  joinGroupby: z.strictObject({
    /** Columns the statistics are of. */
    of: z.array(z.strictObject({ name: z.string(), dtype })),
    /** Arrow file with columns `key 0`, … and one for each output, by its name. */
    groups: z.array(z.strictObject({ columns: z.array(z.string()).min(1), table: artefact })),
  }),
  /** A number, or text for a 64-bit integer. */
  fillMedian: z.strictObject({ columns: perColumn(z.strictObject({ median: z.union([z.number(), z.string()]) })) }),
  /** Arrow file with columns `key 0`, …, and the file's columns by name; one row a key. */
  joinExternal: z.strictObject({ table: artefact }),
  /** Arrow files with columns `row`, `column` and `weight`, in that order, without duplicates. */
  columnSimilarity: z.strictObject({ left: artefact, right: artefact }),
  /** The dtype that each column gets. */
  reduceDtypeSize: z.strictObject({ columns: perColumn(z.strictObject({ dtype })) }),
  /** Lengths of the shortest and the longest list. */
  valueCount: z.strictObject({
    columns: perColumn(z.strictObject({ min: z.number().int().min(0), max: z.number().int().min(0) })),
  }),
  median: z.strictObject({ columns: perColumn(z.strictObject({ median: z.union([z.number(), z.string()]) })) }),
  dataStats: z.strictObject({
    columns: perColumn(
      z.strictObject({
        dtype,
        /** Distinct values that are not null; floats have none. */
        cardinality: z.number().int().optional(),
        /** Of text these four are of its length; 64-bit integers are text here. Absent where nothing is known. */
        min: z.union([z.number(), z.string()]).optional(),
        max: z.union([z.number(), z.string()]).optional(),
        mean: z.number().optional(),
        /** ddof 1 */
        std: z.number().optional(),
        /** Per cent of the values that are null. */
        perNan: z.number(),
      }),
    ),
  }),
  /** Extremes of the non-null values. */
  normalizeMinMax: z.strictObject({ columns: perColumn(z.strictObject({ min: z.number(), max: z.number() })) }),
  categorify: z.strictObject({
    /** By output column. */
    columns: perColumn(
      z.strictObject({
        /** Arrow file with columns `value` (of tuples: `key 0`, …) and `count`, in id order: row i has id 2 + numBuckets + i. */
        vocabulary: artefact,
        /** Number of ids: 2 + numBuckets + rows of the vocabulary. */
        cardinality: z.number().int(),
        /** `sha256:` of the values in id order; absent in what older versions fitted. */
        sum: z
          .string()
          .regex(/^sha256:[0-9a-f]{64}$/)
          .optional(),
        /** Added to every id, where the columns share one table, which then has `table` ids. */
        offset: z.number().int().min(0).optional(),
        table: z.number().int().optional(),
      }),
    ),
  }),
} as const satisfies Partial<Record<OpKind, z.ZodType>>;

export type FittedOpKind = keyof typeof OP_STATE;
export type OpState = { [K in FittedOpKind]: Readonly<z.output<(typeof OP_STATE)[K]>> };
export const isFittedOp = (op: string): op is FittedOpKind => Object.hasOwn(OP_STATE, op);

/** Files a step opens at load. */
export const OP_ARTEFACTS = {
  /** A Feast repository folder: `feature_store.yaml`, `data/registry.db`, `data/online_store.db`; read it with `readFeastRepository`. */
  queryFeast: z.strictObject({ repository: artefact }),
  transformWorkflow: z.strictObject({ workflow: artefact }),
  /** `ids`: an Arrow file with the text of each position; the index then answers texts. */
  queryFaiss: z.strictObject({ index: artefact, ids: artefact.optional() }),
  predictImplicit: z.strictObject({ factors: artefact }),
  queryEmbedding: z.strictObject({ table: artefact }),
} as const satisfies Partial<Record<OpKind, z.ZodType>>;
