/** `predictImplicit` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { artefactPath } from "../../contract/files/artefact-path.js";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

export const predictImplicit = operator({
  params: z.strictObject({
    path: z.string(),
    topk: z.number().int().min(1).default(10),
    /** The result for an unknown user row: no items, or a fault. */
    onMissing: z.enum(["error", "empty"]).default("error"),
  }),
  ports: { input: "one", exclude: "one?" },
  makes: 2,
  artefacts: z.strictObject({ factors: artefactPath }),
  facts: { ...STAGE, nulls: "possible", rows: "brought", cacheable: true, scores: true },
  describe: ({ params, names }) =>
    `find the ${params.topk} items of ${params.path} that go best with ${names("input")}`,
});
