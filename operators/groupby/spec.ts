/** `groupby` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { TOGETHER } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { AGGREGATIONS } from "../shared/spec/params.js";

export const groupby = operator({
  params: z.strictObject({
    by: z.array(z.string()).min(1),
    sort: z.array(z.string()).default([]),
    ascending: z.boolean().default(true),
    nameSep: z.string().default("_"),
    /** Column and what is made of it, in the order of the outputs. */
    aggs: z.array(z.strictObject({ column: z.string(), agg: z.enum(AGGREGATIONS) })),
  }),
  ports: { input: "many" },
  facts: { ...TOGETHER, nulls: "possible", rows: "changed", readsOtherRows: true },
  describe: ({ params }) => `one row for each ${params.by.join(", ")}`,
});
