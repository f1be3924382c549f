/** `bucketize` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { PlanError } from "../../contract/plan-error.js";
import { listed } from "../shared/spec/describe.js";
import { PER_COLUMN } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";
import { perColumn } from "../shared/spec/params.js";

/** Rising numbers, for every column or by column. */
export const bucketize = operator({
  params: z.strictObject({ boundaries: z.union([z.array(z.number()), perColumn(z.array(z.number()))]) }),
  ports: { input: "many" },
  makes: "each",
  facts: { ...PER_COLUMN, nulls: "none", fuses: true, describes: false },
  describe: ({ params }) => listed(params),
});

/** The boundaries of a column. @throws PlanError where the plan has none */
export function boundariesOf(
  { id, params: { boundaries } }: { readonly id: string; readonly params: z.output<typeof bucketize.params> },
  column: string,
): readonly number[] {
  if (Array.isArray(boundaries)) return boundaries;
  if (Object.hasOwn(boundaries, column)) return boundaries[column] as number[];
  throw new PlanError(
    `step \`${id}\` (bucketize) has no boundaries of column \`${column}\`. Build the plan again with \`merlon build\`.`,
  );
}
