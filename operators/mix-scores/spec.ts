/** `mixScores` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { perColumn } from "../shared/spec/params.js";

export const mixScores = operator({
  params: z.strictObject({
    /** Score column → its weight. */
    weights: perColumn(z.number()).refine(w => Object.keys(w).length > 0, "name at least one score"),
    /** The scaling of each score among a user's candidates before it is weighed. */
    scale: z.enum(["none", "minMax", "standard", "rank"]).default("none"),
    name: z.string().min(1).default("mixed_score"),
  }),
  ports: { input: "many" },
  makes: 1,
  facts: { ...STAGE, nulls: "none", rows: "kept", cacheable: false, scores: true, perUser: true },
  describe: ({ params }) =>
    Object.entries(params.weights)
      .map(([name, weight]) => `${weight} · ${params.scale === "none" ? name : `${params.scale}(${name})`}`)
      .join(" + "),
});
