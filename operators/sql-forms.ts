/** The SQL forms by operator: every operator that a workflow may hold has one. */
import type { OpKind } from "../contract/op-params.js";
import type { FittedStep } from "../contract/plan.js";
import { unsupported } from "../runtime/base/errors.js";
import type { Sql } from "../runtime/etl/sql/dialect.js";
import type { SqlColumn } from "../runtime/etl/sql/sql-column.js";
import type { GroupKeys, OutputRanges, RowCondition, SqlContext, SqlForm } from "../runtime/etl/sql/sql-form.js";
import { clippedRanges } from "./clip/sql.js";
import { allPresent } from "./dropna/sql.js";
import { filledRanges } from "./fill-missing/sql.js";
import { conditionOf } from "./filter/sql.js";
import { SQL_FORMS as CATALOGUE } from "./gen/sql-forms.js";
import { groupKeys } from "./groupby/sql.js";
import { isInFile } from "./join-external/sql.js";

const SQL_FORMS = CATALOGUE satisfies { readonly [K in OpKind]?: SqlForm<K> };

/** @throws RuntimeFault for an operator of ensembles, which has no place in a workflow */
export function sqlOf(step: FittedStep, inputs: readonly SqlColumn[], context: SqlContext): readonly string[] {
  if (!Object.hasOwn(SQL_FORMS, step.op))
    throw unsupported(`step \`${step.id}\` (${step.op}) has no place in a workflow. Use it in an ensemble.`);
  // `op` picks form and step together, which the index loses.
  const form = SQL_FORMS[step.op as keyof typeof SQL_FORMS] as SqlForm<OpKind>;
  return form(step, inputs, context);
}

const ROW_CONDITIONS: { readonly [K in OpKind]?: RowCondition<K> } = {
  dropna: allPresent,
  filter: conditionOf,
  joinExternal: isInFile,
};

/** The condition under which a row stays, of a step that takes some away. */
export const rowCondition: RowCondition<OpKind> = (step, inputs, context) =>
  (ROW_CONDITIONS[step.op] as RowCondition<OpKind> | undefined)?.(step, inputs, context);

const RANGES: { readonly [K in OpKind]?: OutputRanges<K> } = { clip: clippedRanges, fillMissing: filledRanges };

/** The ranges of a step's outputs; none of a step whose values have no known bounds. */
export const rangesOf: OutputRanges<OpKind> = (step, inputs) =>
  (RANGES[step.op] as OutputRanges<OpKind> | undefined)?.(step, inputs) ?? [];

const GROUP_KEYS: { readonly [K in OpKind]?: GroupKeys<K> } = { groupby: groupKeys };

/** The keys of a step that makes one row per group; undefined for a step that groups no rows. */
export const groupKeysOf = (step: FittedStep, inputs: readonly SqlColumn[], sql: Sql): readonly string[] | undefined =>
  (GROUP_KEYS[step.op] as GroupKeys<OpKind> | undefined)?.(step, inputs, sql);
