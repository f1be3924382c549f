/** `filterCandidates` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { CHOSEN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const filterCandidates = operator({
  params: z.strictObject({}),
  ports: { input: "one", filterOut: "many?", allow: "many?", seen: "many?" },
  makes: 1,
  facts: { ...CHOSEN, nulls: "as read", filters: true },
  describe: ({ names, has }) =>
    [
      ...(has("filterOut") ? [`drop candidates that are in ${names("filterOut")}`] : []),
      ...(has("seen") ? [`drop candidates that are in the Bloom filter ${names("seen")}`] : []),
      ...(has("allow") ? [`keep candidates that are in ${names("allow")}`] : []),
    ].join("; "),
});
