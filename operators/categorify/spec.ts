/** `categorify` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { artefactPath } from "../../contract/files/artefact-path.js";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { narrowEach } from "../shared/spec/narrow.js";
import { operator } from "../shared/spec/operator.js";
import { groups, nvtabularHash, perColumn, scalar } from "../shared/spec/params.js";

export const categorify = operator({
  params: z.strictObject({
    /** Values seen fewer times than this share the out-of-vocabulary ids. These three: for all vocabularies, or by name. */
    freqThreshold: z.union([z.number().int().min(0), perColumn(z.number().int().min(0))]).default(0),
    /** Upper bound of the number of ids, reserved ones included; 0 = none. */
    maxSize: z.union([z.number().int().min(0), perColumn(z.number().int().min(0))]).default(0),
    /** How many ids out-of-vocabulary values are hashed to. */
    numBuckets: z.union([z.number().int().min(1), perColumn(z.number().int().min(1))]).default(1),
    /** The elements of a group's one vocabulary: values, or tuples of them. */
    encodeType: z.enum(["joint", "combo"]).default("joint"),
    /** Vocabularies that are given and not learned: values in the order of their ids, or a Parquet file of them. */
    vocabs: perColumn(z.union([z.array(scalar), z.string().min(1)])).default({}),
    /** Ids of the columns follow each other, so that one embedding table holds all. */
    singleTable: z.boolean().default(false),
    nvtabularHash,
    groups,
    outDtype: z.enum(["int32", "int64"]).default("int64"),
  }),
  ports: { input: "many" },
  learns: {
    of: "outputs",
    state: z.strictObject({
      columns: perColumn(
        z.strictObject({
          /** Arrow file with columns `value` (of tuples: `key 0`, …) and `count`, in id order: row i has id 2 + numBuckets + i. */
          vocabulary: artefactPath,
          /** Number of ids: 2 + numBuckets + rows of the vocabulary. */
          cardinality: z.number().int(),
          /** `sha256:` of the values in id order; absent in fits of older versions. */
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
  },
  facts: {
    ...PER_COLUMN,
    nulls: "none",
    encodes: true,
    fuses: false,
    describes: false,
    columns: params => (params.encodeType === "combo" ? "together" : "one by one"),
    grouped: true,
    readsRowNumber: params => params.nvtabularHash === true,
  },
  describe: () => "encode as ids of the vocabulary",
  // A vocabulary of several columns is learned from all of them, regardless of the read ones.
  narrow: (step, isRead) =>
    step.params.encodeType === "combo" || step.params.groups.some(group => group.length > 1)
      ? {}
      : narrowEach(step, isRead),
});
