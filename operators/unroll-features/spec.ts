/** `unrollFeatures` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { CHOSEN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const unrollFeatures = operator({
  params: z.strictObject({ itemColumn: z.string(), prefix: z.string().default("") }),
  ports: { input: "many", unroll: "any" },
  facts: { ...CHOSEN, nulls: "as read", passes: { rowsBy: params => params.itemColumn } },
  describe: ({ params, names }) => `repeat ${names("unroll") || "nothing"} for each ${params.itemColumn}`,
  // The item column stays, since it determines the rows.
  narrow: ({ params, inputs: { input = [], unroll = [] }, outputs }, isRead) => {
    const keep = outputs.map((c, i) => isRead(c.name) || input[i]?.name === params.itemColumn);
    return {
      outputs: outputs.filter((_, i) => keep[i]),
      inputs: {
        input: input.filter((_, i) => keep[i]),
        unroll: unroll.filter((_, i) => keep[input.length + i]),
      },
    };
  },
});
