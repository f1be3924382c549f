/** `fused` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { plural } from "../shared/spec/describe.js";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { perColumn } from "../shared/spec/params.js";

/**
 * No author writes it: several element-wise steps, its `parts`, as one. Which of their columns each of its outputs is. Inside, a reference
 * to the step `request` means an input of this one, by name.
 */
export const fused = operator({
  params: z.strictObject({ outputs: perColumn(z.strictObject({ step: z.string(), column: z.string() })) }),
  ports: { input: "many" },
  hasParts: true,
  facts: { ...STAGE, nulls: "possible", rows: "kept", cacheable: false, scores: false },
  describe: ({ parts }) => `${plural(parts.length, "step")} in one walk: ${[...new Set(parts)].join("; ")}`,
});
