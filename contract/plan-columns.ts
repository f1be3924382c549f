/** References to columns of a plan's steps, and columns that leave the plan. */
import { z } from "zod";
import { columnSchema } from "./schema.js";

export const columnRef = z.strictObject({
  /** Name of the column in the step. */
  name: z.string(),
  /** Step that makes it (`"request"` for a request column), and its name there. */
  step: z.string(),
  column: z.string(),
});
/** The origin of one input column of a step. */
export type ColumnRef = Readonly<z.infer<typeof columnRef>>;

export const planOutput = z.strictObject({ ref: columnRef, schema: columnSchema });
/** A column that leaves the plan; `schema.name` is its name there. */
export type PlanOutput = Readonly<z.infer<typeof planOutput>>;
