/** `targetEncoding` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { artefactPath } from "../../contract/files/artefact-path.js";
import { listed } from "../shared/spec/describe.js";
import { TOGETHER } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { groups, nvtabularNulls, perColumn } from "../shared/spec/params.js";

export const targetEncoding = operator({
  params: z.strictObject({
    /** How many rows' worth of the overall mean to mix in. */
    pSmooth: z.number().min(0).default(20),
    groups,
    /** Encodes a row without the fold it falls into by its place, as NVTabular does; else with the statistics of all rows. */
    foldMode: z.literal("nvtabular").optional(),
    nvtabularNulls,
    /** For `foldMode`: number of folds @default 3 */
    kfold: z.number().int().min(2).max(100).optional(),
    /** For `foldMode`: seed of the folds; null deals them in turn @default 42 */
    foldSeed: z.number().int().min(0).max(4294967295).nullable().optional(),
    outDtype: z.enum(["float32", "float64"]).default("float32"),
  }),
  ports: { input: "many", target: "many?" },
  learns: {
    of: "inputs",
    state: z.strictObject({
      /** Overall mean of each target, in output order. */
      means: perColumn(z.number()),
      /** Arrow file with columns `key 0`, …, and `count {target}` and `sum {target}` of each target. */
      groups: z.array(
        z.strictObject({
          columns: z.array(z.string()).min(1),
          table: artefactPath,
          /** The same by fold, which is column `key 0`. */
          folds: artefactPath.optional(),
        }),
      ),
    }),
  },
  facts: {
    ...TOGETHER,
    nulls: "possible",
    rows: "kept",
    grouped: true,
    readsRowNumber: params => params.foldMode !== undefined,
  },
  describe: ({ params }) => listed(params),
});
