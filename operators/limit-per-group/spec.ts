/** `limitPerGroup` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { CHOSEN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { perColumn } from "../shared/spec/params.js";

export const limitPerGroup = operator({
  params: z.strictObject({
    topk: z.number().int().min(1).default(10),
    /** Most candidates of one group. */
    max: z.number().int().min(1).optional(),
    /** Group → places kept for it, where it has candidates. */
    atLeast: perColumn(z.number().int().min(1)).default({}),
  }),
  ports: { input: "one", relevance: "one", group: "one" },
  makes: 2,
  facts: { ...CHOSEN, nulls: "as read", orders: () => "by rule" },
  describe: ({ params, names }) => {
    const { topk, max, atLeast } = params;
    const places = Object.entries(atLeast).map(([group, n]) => `, at least ${n} of ${group}`);
    return `keep the ${topk} best by ${names("relevance")}${max === undefined ? "" : `, at most ${max} per ${names("group")}`}${places.join("")}`;
  },
});
