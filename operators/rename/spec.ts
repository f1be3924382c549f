/** `rename` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { listed } from "../shared/spec/describe.js";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { perColumn } from "../shared/spec/params.js";

export const rename = operator({
  params: z.strictObject({
    name: z.string().optional(),
    prefix: z.string().optional(),
    postfix: z.string().optional(),
    /** Old name → new name, where a function made them. */
    names: perColumn(z.string().min(1)).optional(),
  }),
  ports: { input: "many" },
  makes: "each",
  identity: true,
  facts: { ...PER_COLUMN, takesFunction: true, nulls: "as read", fuses: false, describes: "names" },
  describe: ({ params }) => listed(params),
});
