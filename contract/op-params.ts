/**
 * What each operator's step carries in a plan of what its author wrote. The compiler writes these records, the runtime trusts only what parses.
 * What was learnt from data, and the files beside, are in op-state.ts.
 */
import { z } from "zod";
import { DATATYPES, type DType } from "../triton-protos/datatype.js";
import { expressionSchema } from "./expression.js";
import { jsonValue } from "./schema.js";

const scalar = z.union([z.number(), z.string(), z.boolean()]);
const dtype = z.enum(DATATYPES.map(row => row.name) as [DType, ...DType[]]);
const perColumn = <T extends z.ZodType>(value: T) => z.record(z.string(), value);

/** Columns that are taken together, by name. Written by the compiler, from the author's lists in lists. */
const groups = z.array(z.array(z.string()).min(1)).default([]);

/** Fills lists that are shorter than a tensor is wide; longer ones lose items on the same side. */
export const padding = z.strictObject({
  value: z.number().default(0),
  side: z.enum(["left", "right"]).default("right"),
});

/** Mixes a row's number into the hash, as NVTabular does on CPU; for parity alone. */
const nvtabularHash = z.boolean().optional();

/** Divides by the rows of a group, those whose value is null among them, as NVTabular does. */
const nvtabularNulls = z.boolean().optional();

/** What `groupby` makes of the values of a group. */
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

/** Author's parameters per operator. */
export const OP_PARAMS = {
  /**
   * No author writes it: several element-wise steps, its `parts`, as one. Which of their columns each of its outputs is. Inside, a reference
   * to the step `request` means an input of this one, by name.
   */
  fused: z.strictObject({ outputs: perColumn(z.strictObject({ step: z.string(), column: z.string() })) }),
  fillMissing: z.strictObject({
    fillValue: z.union([z.number(), z.string(), z.boolean()]).default(0),
    /** Adds a bool column `{column}_filled` that says which rows were null. */
    addBinaryColumns: z.boolean().default(false),
  }),
  fillMedian: z.strictObject({ addBinaryColumns: z.boolean().default(false) }),
  clip: z.strictObject({ min: z.number().optional(), max: z.number().optional() }),
  logOp: z.strictObject({}),
  normalize: z.strictObject({ outDtype: z.enum(["float32", "float64"]).default("float64") }),
  normalizeMinMax: z.strictObject({ outDtype: z.enum(["float32", "float64"]).default("float64") }),
  /** Rising numbers, for every column or by column. */
  bucketize: z.strictObject({ boundaries: z.union([z.array(z.number()), perColumn(z.array(z.number()))]) }),
  categorify: z.strictObject({
    /** Values seen fewer times than this share the out-of-vocabulary ids. These three: for all vocabularies, or by name. */
    freqThreshold: z.union([z.number().int().min(0), perColumn(z.number().int().min(0))]).default(0),
    /** Upper bound of the number of ids, reserved ones included; 0 = none. */
    maxSize: z.union([z.number().int().min(0), perColumn(z.number().int().min(0))]).default(0),
    /** How many ids out-of-vocabulary values are hashed to. */
    numBuckets: z.union([z.number().int().min(1), perColumn(z.number().int().min(1))]).default(1),
    /** What a group of columns has one vocabulary of: their values, or the tuples of them. */
    encodeType: z.enum(["joint", "combo"]).default("joint"),
    /** Vocabularies that are given and not learnt: values in the order of their ids, or a Parquet file of them. */
    vocabs: perColumn(z.union([z.array(scalar), z.string().min(1)])).default({}),
    /** Ids of the columns follow each other, so that one embedding table holds all. */
    singleTable: z.boolean().default(false),
    nvtabularHash,
    groups,
    outDtype: z.enum(["int32", "int64"]).default("int64"),
  }),
  hashBucket: z.strictObject({ numBuckets: z.number().int().min(1), nvtabularHash }),
  targetEncoding: z.strictObject({
    /** How many rows' worth of the overall mean to mix in. */
    pSmooth: z.number().min(0).default(20),
    groups,
    /** Encodes a row without the fold it falls into by its place, as NVTabular does; else with the statistics of all rows. */
    foldMode: z.literal("nvtabular").optional(),
    nvtabularNulls,
    /** Of `foldMode`: how many folds @default 3 */
    kfold: z.number().int().min(2).max(100).optional(),
    /** Of `foldMode`: seed of the folds; null deals them in turn @default 42 */
    foldSeed: z.number().int().min(0).max(4294967295).nullable().optional(),
    outDtype: z.enum(["float32", "float64"]).default("float32"),
  }),
  joinGroupby: z.strictObject({
    stats: z.array(z.enum(["count", "sum", "mean", "std", "var", "min", "max"])).min(1),
    groups,
    nvtabularNulls,
  }),
  listSlice: z.strictObject({
    /** Counted from the end where negative; alone and positive it is the end. */
    start: z.number().int(),
    end: z.number().int().optional(),
    /** Fills short lists on the right. */
    pad: z.boolean().default(false),
    /** Default: 0, or "" for text. */
    padValue: scalar.optional(),
  }),
  /** Integers to the narrowest type that held the fitted values, floats to this one. */
  reduceDtypeSize: z.strictObject({ floatDtype: z.enum(["float32", "float64"]).default("float32") }),
  valueCount: z.strictObject({}),
  median: z.strictObject({}),
  dataStats: z.strictObject({}),
  /** Categorical columns with fewer ids go. */
  dropLowCardinality: z.strictObject({ minCardinality: z.number().int().min(0).default(4) }),
  dropna: z.strictObject({}),
  differenceLag: z.strictObject({
    /** Rows to look back; negative: ahead. */
    shifts: z
      .array(
        z
          .number()
          .int()
          .refine(n => n !== 0, "must not be 0"),
      )
      .min(1),
  }),
  groupby: z.strictObject({
    by: z.array(z.string()).min(1),
    sort: z.array(z.string()).default([]),
    ascending: z.boolean().default(true),
    nameSep: z.string().default("_"),
    /** Column and what is made of it, in the order of the outputs. */
    aggs: z.array(z.strictObject({ column: z.string(), agg: z.enum(AGGREGATIONS) })),
  }),
  joinExternal: z.strictObject({
    /** Parquet or CSV, relative to the program; read while fitting. */
    path: z.string().min(1),
    /** Columns on the left, and what they are called in the file. */
    on: z.array(z.string()).min(1),
    onExternal: z.array(z.string()).min(1),
    how: z.enum(["left", "inner"]).default("left"),
    columns: perColumn(dtype),
    /** Of rows with the same key the first counts; else they are an error. */
    dropDuplicates: z.boolean().default(false),
  }),
  columnSimilarity: z.strictObject({
    /** Parquet or CSV of (row, column, value), relative to the program; read while fitting. */
    features: z.string().min(1),
    /** Features of the second column of each pair, where they are others. */
    rightFeatures: z.string().min(1).optional(),
    metric: z.enum(["tfidf", "cosine", "inner"]).default("tfidf"),
    groups,
  }),
  hashedCross: z.strictObject({ numBuckets: z.number().int().min(1), groups, nvtabularHash }),
  addTags: z.strictObject({ tags: z.array(z.string()).min(1) }),
  addProperties: z.strictObject({ properties: z.record(z.string(), jsonValue) }),
  /** A user's function, compiled: one expression for each column it makes. */
  lambdaOp: z.strictObject({
    /** The function as its author wrote it, for people. */
    text: z.string(),
    expressions: perColumn(expressionSchema),
    /** Dtype of what it makes, where the author asked for one. */
    dtype: dtype.optional(),
  }),
  /** Keeps the rows for which the condition holds. */
  filter: z.strictObject({ text: z.string(), condition: expressionSchema }),
  rename: z.strictObject({
    name: z.string().optional(),
    prefix: z.string().optional(),
    postfix: z.string().optional(),
    /** Old name → new name, where a function made them. */
    names: perColumn(z.string().min(1)).optional(),
  }),

  queryFeast: z.strictObject({
    /** Feast repository as the author wrote it (for messages); the runtime reads the step's artefact. */
    repository: z.string(),
    /** One view, or several that are read in one round trip. */
    view: z.union([z.string(), z.array(z.string()).min(2)]),
    /** Views that a feature service takes under another name: that name → the view, and its join keys → what they are called here. */
    aliases: z.record(z.string(), z.strictObject({ view: z.string(), joinKeys: perColumn(z.string()) })).optional(),
    /** Column that holds the entity key; where there are several join keys, the column of each. */
    entityColumn: z.union([z.string(), perColumn(z.string())]),
    includeId: z.boolean().default(false),
    prefix: z.string().default(""),
    /** What a feature of an unknown entity becomes; a record decides feature by feature; `drop` leaves the candidate out. */
    onMissing: z
      .union([
        z.enum(["error", "null", "drop"]),
        z.strictObject({ default: scalar }),
        perColumn(
          z.union([z.enum(["error", "null", "drop"]), z.strictObject({ default: z.union([scalar, z.array(scalar)]) })]),
        ),
      ])
      .default("error"),
    /** Values that are older are missing: `true` for the ttl of the view, or seconds. Feast itself serves them. */
    ttl: z.union([z.literal(true), z.number().positive()]).optional(),
    /** How BYTES become text; `utf8` refuses bytes that are none. */
    bytes: z.enum(["utf8", "base64"]).optional(),
    /** Megabytes of a SQLite store that may be held in memory; 0 reads the file each time. */
    memoryMb: z.number().min(0).optional(),
    /** How long a store beyond this process may take to answer. */
    timeoutMs: z.number().int().positive().optional(),
    /** Output column → feature name (`view:feature` where there are several views), in output order. Written by the compiler. */
    features: perColumn(z.string()),
  }),
  transformWorkflow: z.strictObject({
    path: z.string(),
    /** Only this named part of the workflow. */
    subgraph: z.string().optional(),
    /** The workflow may take rows away: what is left of them are the rows of its columns. */
    changesRows: z.boolean().optional(),
    /** True where the rows that it makes are groups of the request's rows, so that none of them is of one row. */
    groups: z.boolean().optional(),
    /** Columns that are there in training and not in serving, such as labels. */
    removeInputs: z.array(z.string()).optional(),
  }),
  predictOnnx: z.strictObject({
    path: z.string(),
    /** Triton model that holds the graph; written by the compiler. */
    model: z.string(),
    /** Tensor → column, for every input of the graph. */
    inputs: perColumn(z.string()),
    /** Column → tensor, in output order. */
    outputs: perColumn(z.string()),
    /** Tensor → columns that stand side by side in it, as one matrix. */
    stack: perColumn(z.array(z.string()).min(1)).optional(),
    /** Tensor → the value it always has. */
    constants: perColumn(scalar).optional(),
    /** Tensor → how the ragged column bound to it becomes a rectangle. */
    pad: perColumn(padding).optional(),
    /** Most rows of one call. */
    batchSize: z.number().int().min(1).optional(),
  }),
  predictForest: z.strictObject({
    path: z.string(),
    /** Triton model that holds the forest as an ONNX graph; written by the compiler. */
    model: z.string(),
    /** Column per feature, in the forest's order. */
    features: z.array(z.string()).min(1),
    /** Precision of the features. */
    dtype: z.enum(["float32", "float64"]),
  }),
  predictImplicit: z.strictObject({
    path: z.string(),
    topk: z.number().int().min(1).default(10),
    /** What a user row that the file does not have gets: no items, or the request a fault. */
    onMissing: z.enum(["error", "empty"]).default("error"),
  }),
  queryFaiss: z.strictObject({
    path: z.string(),
    topk: z.number().int().min(1).default(10),
    /** Adds `candidate_distances` (float32). */
    includeDistances: z.boolean().default(false),
    /** Lists that a search of an IVF index visits; by default what the file says. */
    nprobe: z.number().int().min(1).optional(),
    /** Candidates that a search of an HNSW index keeps; by default what the file says. */
    efSearch: z.number().int().min(1).optional(),
    /** Brings queries to length 1, so that inner products of an index of such vectors are cosines. */
    normalize: z.literal(true).optional(),
  }),
  queryEmbedding: z.strictObject({
    path: z.string().min(1),
    name: z.string().min(1).default("embedding"),
    onMissing: z.enum(["zero", "error"]).default("zero"),
    memoryMb: z.number().min(0).default(256),
    /** Length of the vectors; written by the compiler. */
    dimension: z.number().int().min(1),
  }),
  explode: z.strictObject({ name: z.string().min(1).default("candidate_ids") }),
  fallback: z.strictObject({
    /** Milliseconds from the start of the run. */
    within: z.number().positive().optional(),
  }),
  /** Left: a flag per row. Takes each row's columns of one of two branches. */
  choose: z.strictObject({}),
  filterCandidates: z.strictObject({}),
  topK: z.strictObject({ topk: z.number().int().min(1).default(10) }),
  mixScores: z.strictObject({
    /** Score column → its weight. */
    weights: perColumn(z.number()).refine(w => Object.keys(w).length > 0, "name at least one score"),
    /** What is done to each score among a user's candidates before it is weighed. */
    scale: z.enum(["none", "minMax", "standard", "rank"]).default("none"),
    name: z.string().min(1).default("mixed_score"),
  }),
  /** Rows for which the condition holds get `score · multiply + add`. */
  boost: z.strictObject({
    text: z.string(),
    condition: expressionSchema,
    /** Column that is changed. */
    score: z.string(),
    multiply: z.number().default(1),
    add: z.number().default(0),
  }),
  limitPerGroup: z.strictObject({
    topk: z.number().int().min(1).default(10),
    /** Most candidates of one group. */
    max: z.number().int().min(1).optional(),
    /** Group → places kept for it, where it has candidates. */
    atLeast: perColumn(z.number().int().min(1)).default({}),
  }),
  diversify: z.strictObject({
    topk: z.number().int().min(1).default(10),
    method: z.enum(["mmr", "dpp"]).default("mmr"),
    /** 1 looks at the score alone, 0 at difference alone. */
    balance: z.number().min(0).max(1).default(0.7),
  }),
  unrollFeatures: z.strictObject({ itemColumn: z.string(), prefix: z.string().default("") }),
  softmaxSampling: z.strictObject({
    topk: z.number().int().min(1).default(10),
    /** Multiplies the scores, as in Merlin: larger is greedier. */
    temperature: z.number().default(20),
    mode: z.enum(["sample", "greedy"]).default("sample"),
    seed: z.number().int().optional(),
  }),
} as const satisfies Record<string, z.ZodType>;

export type OpKind = keyof typeof OP_PARAMS;
export const OP_KINDS = Object.keys(OP_PARAMS) as OpKind[];

/** Parameters of one operator, defaults filled in. */
export type OpParams = { [K in OpKind]: Readonly<z.output<(typeof OP_PARAMS)[K]>> };
/** Parameters as an author writes them: everything with a default may be left out. */
export type OpParamsInput = { [K in OpKind]: Readonly<z.input<(typeof OP_PARAMS)[K]>> };
