/** `choose` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { CHOSEN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

/** Left: a flag per row. Takes each row's columns of one of two branches. */
export const choose = operator({
  params: z.strictObject({}),
  ports: { input: "one", yes: "branch", no: "branch" },
  facts: { ...CHOSEN, nulls: "possible" },
  describe: ({ names }) => `take ${names("yes")} of the first branch where ${names("input")} holds, else of the second`,
});
