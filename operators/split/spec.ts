/** `split` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { CHOSEN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

/** Ports of the arms, in order; as many as a step may have. */
export const ARM_PORTS = ["arm1", "arm2", "arm3", "arm4", "arm5", "arm6", "arm7", "arm8"] as const;

const guardrail = z.strictObject({
  /** Largest share of failed requests. */
  errorRate: z.number().min(0).lt(1).optional(),
  /** Largest 99th percentile of an arm's own time. */
  p99Ms: z.number().positive().optional(),
  /** Last keys with their outcomes. */
  window: z.number().int().min(1).max(100_000).default(500),
  /** Keys in the window before an arm is judged. */
  minimum: z.number().int().min(1).max(100_000).default(100),
  /** Seconds until a stopped arm serves again. */
  resumeSeconds: z.number().positive().optional(),
});
export type Guardrail = Readonly<z.output<typeof guardrail>>;
export type GuardrailInput = Readonly<z.input<typeof guardrail>>;
export const guardrailParams = guardrail;

const arm = z.strictObject({ name: z.string().min(1), weight: z.number().min(0).max(1) });
export type Arm = Readonly<z.output<typeof arm>>;

/** Left: the key of each row, such as its user. Takes each row's columns of the arm that the key is assigned to. */
export const split = operator({
  params: z.strictObject({
    /** By port. */
    arms: z.array(arm).min(2).max(ARM_PORTS.length),
    /** Another salt is another assignment. */
    salt: z.string(),
    /** Stops arms other than the first. */
    guardrail: guardrail.optional(),
  }),
  ports: {
    input: "one",
    arm1: "branch",
    arm2: "branch",
    arm3: "branch?",
    arm4: "branch?",
    arm5: "branch?",
    arm6: "branch?",
    arm7: "branch?",
    arm8: "branch?",
  },
  facts: { ...CHOSEN, nulls: "possible", arms: ({ arms }) => arms.map(({ name }) => name) },
  describe: ({ params, names }) =>
    `take the arm of ${names("input")}: ${params.arms.map(({ name, weight }) => `${name} ${percent(weight)}`).join(", ")}${params.guardrail ? ", each stopped by its guardrail" : ""}`,
});

const percent = (weight: number): string => `${Number((100 * weight).toPrecision(4))} %`;
