/** `shadow` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

/** Left: the columns of the response, which are also its columns. `shadow` has the same ones, and is compared. */
export const shadow = operator({
  params: z.strictObject({
    /** Share of requests. */
    rate: z.number().gt(0).max(1).default(1),
    /** Runs at the same time, in each process. */
    inFlight: z.number().int().min(1).max(64).default(4),
    /** Milliseconds from its start. */
    within: z.number().positive().max(60_000).default(1000),
    /** First items of each list. */
    topk: z.number().int().min(1).max(1000).default(10),
    /** Column that identifies items. */
    item: z.string().optional(),
    /** Column of numbers that is compared for equal items. */
    score: z.string().optional(),
  }),
  ports: { input: "many", shadow: "many" },
  makes: "each",
  facts: {
    ...STAGE,
    nulls: "as read",
    rows: "kept",
    cacheable: false,
    scores: false,
    runsBeside: true,
  },
  describe: ({ params, names }) =>
    `compare with ${names("shadow")} after the response, for ${Number((100 * params.rate).toPrecision(4))} % of requests`,
});
