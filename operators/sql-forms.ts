/** The SQL forms by operator: every operator that a workflow may hold has one. */
import type { OpKind } from "../contract/op-params.js";
import type { AnyStep } from "../contract/plan.js";
import { readsRowNumber } from "../contract/step-facts.js";
import { RuntimeFault } from "../runtime/base/errors.js";
import { throughKernel } from "../runtime/etl/sql/kernel-function.js";
import type { SqlColumn } from "../runtime/etl/sql/sql-column.js";
import type { SqlContext, SqlForm } from "../runtime/etl/sql/sql-form.js";
import { SQL_FORMS as CATALOGUE } from "./gen/sql-forms.js";

const SQL_FORMS = CATALOGUE satisfies { readonly [K in OpKind]?: SqlForm<K> };

/** Steps that DuckDB hands to their kernel, where no join can be had. */
export const usesKernel = (step: AnyStep): boolean =>
  SQL_FORMS[step.op as keyof typeof SQL_FORMS] === throughKernel ||
  readsRowNumber(step) ||
  (step.op === "categorify" && step.params.encodeType === "combo");

/** @throws RuntimeFault for an operator of ensembles, which has no place in a workflow */
export function sqlOf(step: AnyStep, inputs: readonly SqlColumn[], context: SqlContext): readonly string[] {
  if (!Object.hasOwn(SQL_FORMS, step.op))
    throw new RuntimeFault(
      "UNSUPPORTED",
      `step \`${step.id}\` (${step.op}) has no place in a workflow. Use it in an ensemble.`,
    );
  // `op` picks form and step together, which the index loses.
  const form = SQL_FORMS[step.op as keyof typeof SQL_FORMS] as SqlForm<OpKind>;
  return form(step, inputs, context);
}
