/** `joinGroupby` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { artefactPath } from "../../contract/files/artefact-path.js";
import { listed } from "../shared/spec/describe.js";
import { TOGETHER } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { dtype, groups, nvtabularNulls } from "../shared/spec/params.js";

export const joinGroupby = operator({
  params: z.strictObject({
    stats: z.array(z.enum(["count", "sum", "mean", "std", "var", "min", "max"])).min(1),
    groups,
    nvtabularNulls,
  }),
  ports: { input: "many", of: "many?" },
  learns: {
    of: "inputs",
    state: z.strictObject({
      /** Columns the statistics are of. */
      of: z.array(z.strictObject({ name: z.string(), dtype })),
      /** Arrow file with columns `key 0`, … and one for each output, by its name. */
      groups: z.array(z.strictObject({ columns: z.array(z.string()).min(1), table: artefactPath })),
    }),
  },
  facts: { ...TOGETHER, nulls: "possible", rows: "kept", grouped: true },
  describe: ({ params }) => listed(params),
});
