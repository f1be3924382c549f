/** `addProperties` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { jsonValue } from "../../contract/schema.js";
import { listed } from "../shared/spec/describe.js";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const addProperties = operator({
  params: z.strictObject({ properties: z.record(z.string(), jsonValue) }),
  ports: { input: "many" },
  makes: "each",
  identity: true,
  facts: { ...PER_COLUMN, nulls: "as read", fuses: false, describes: "describes" },
  describe: ({ params }) => listed(params),
});
