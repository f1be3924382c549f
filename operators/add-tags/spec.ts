/** `addTags` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { listed } from "../shared/spec/describe.js";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const addTags = operator({
  params: z.strictObject({ tags: z.array(z.string()).min(1) }),
  ports: { input: "many" },
  makes: "each",
  identity: true,
  facts: { ...PER_COLUMN, nulls: "as read", fuses: false, describes: "describes" },
  describe: ({ params }) => listed(params),
});
