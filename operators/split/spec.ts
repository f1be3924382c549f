/** `split` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

/** Ports of the arms, in order; as many as a step may have. */
export const ARM_PORTS = ["arm1", "arm2", "arm3", "arm4", "arm5", "arm6", "arm7", "arm8"] as const;

const arm = z.strictObject({ name: z.string().min(1), weight: z.number().min(0).max(1) });
export type Arm = Readonly<z.output<typeof arm>>;

/** Left: the key of each row, such as its user. Takes each row's columns of the arm that the key is assigned to. */
export const split = operator({
  params: z.strictObject({
    /** By port. */
    arms: z.array(arm).min(2).max(ARM_PORTS.length),
    /** Another salt is another assignment. */
    salt: z.string(),
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
  facts: {
    ...STAGE,
    nulls: "possible",
    rows: "chosen",
    cacheable: false,
    scores: false,
    arms: ({ arms }) => arms.map(({ name }) => name),
  },
  describe: ({ params, names }) =>
    `take the arm of ${names("input")}: ${params.arms.map(({ name, weight }) => `${name} ${percent(weight)}`).join(", ")}`,
});

const percent = (weight: number): string => `${Number((100 * weight).toPrecision(4))} %`;
