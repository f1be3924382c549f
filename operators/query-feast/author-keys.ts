/** The columns that hold the join keys of the views that `queryFeast` reads. */

import { listNames } from "../../compiler/diagnostics/diagnostic.js";
import { suggest } from "../../compiler/diagnostics/fixes.js";
import * as messages from "../../compiler/diagnostics/messages.js";
import { isNonEmpty, zip } from "../../contract/lists.js";
import { type ColumnSchema, printType } from "../../contract/schema.js";
import { askedName } from "../../formats/feast/feast-key.js";
import { feastType } from "../../formats/feast/feast-type.js";
import { datatype } from "../../triton-protos/datatype.js";
import type { Bound } from "../shared/author/bound.js";
import { need, needOne, needType, sameRows } from "../shared/author/columns.js";
import type { Call } from "../shared/author/define-op.js";
import type { FeastAuthor, FeastViews } from "./author-views.js";
import { defaultFault, missingRule, namedInMissing } from "./spec.js";

export interface FeastKeys {
  /** Key columns, each once. */
  readonly inputs: readonly [Bound, ...Bound[]];
  /** Join keys, and the column of each. */
  readonly joins: readonly { readonly name: string; readonly bound: Bound }[];
  /** As a plan has it. */
  readonly entityColumn: string | Record<string, string>;
}

/** Reports columns that are not there, of another type, or on other rows. */
export function feastKeys(call: Call<FeastAuthor>, { views, label }: FeastViews): FeastKeys | undefined {
  const joins = [
    ...new Map(
      views.flatMap(view =>
        view.joinKeys.map(key => [askedName(key), { name: askedName(key), type: key.type }] as const),
      ),
    ).values(),
  ];
  const { entityColumn, repository } = call.params;
  if (joins.length > 1 && typeof entityColumn === "string")
    return call.fail(
      messages.feastKeysSeveral({
        reader: label,
        keys: listNames(joins.map(j => j.name)),
        first: joins[0]!.name,
        column: entityColumn,
      }),
      { literal: entityColumn },
    );
  const bound: Bound[] = [];
  for (const { name, type } of joins) {
    const chosen = typeof entityColumn === "string" ? entityColumn : entityColumn?.[name];
    const wanted = chosen ?? (joins.length > 1 || call.input.some(b => b.column.name === name) ? name : undefined);
    const way = `Pick the column that holds \`${name}\` with \`entityColumn\`.`;
    const key =
      wanted === undefined
        ? needOne(call, call.input, label, `queryFeast("${repository}", …)`)
        : need(call, call.input, wanted, label, way, chosen ? { literal: chosen } : "left");
    if (!key) return undefined;
    const { dtype } = feastType(type);
    const given = key.column;
    const cast = `>> lambdaOp(key => key, { name: "${given.name}", dtype: "${dtype}" })`;
    const isInteger = datatype(dtype).kind === "int" && datatype(given.dtype).kind === "int" && !given.list;
    const typed = `Declare \`${given.name}\` as ${dtype}${isInteger ? `, or make it so where it is not declared: \`${cast}\`` : ""}. The type of the entity decides the bytes of the key.`;
    if (!needType(call, key, { dtype }, label, typed)) return undefined;
    bound.push(key);
  }
  if (!isNonEmpty(bound))
    return call.refuse(
      `${label} has no join key to look rows up by.`,
      "Give the view an entity, and run `feast apply`.",
      { literal: repository },
    );
  const [first, ...others] = bound;
  const isNew = (b: Bound, i: number) => bound.findIndex(o => o.column.name === b.column.name) === i + 1;
  const inputs: FeastKeys["inputs"] = [first, ...others.filter(isNew)];
  if (!sameRows(call, inputs, label, inputs.find(b => call.parentRows(b.column.rows) !== undefined)?.column.name))
    return undefined;
  return {
    inputs,
    joins: zip(joins, bound).map(([{ name }, key]) => ({ name, bound: key })),
    entityColumn:
      joins.length === 1
        ? first.column.name
        : Object.fromEntries(zip(joins, bound).map(([{ name }, key]) => [name, key.column.name])),
  };
}

/**
 * The rules of `onMissing` for the features that `queryFeast` reads: existing names, defaults of their dtypes.
 * Reports a name in `onMissing` that no view has, and a default that is none of its feature's.
 */
export function fitsMissing(
  call: Call<FeastAuthor>,
  { views }: FeastViews,
  outputs: readonly { readonly schema: ColumnSchema; readonly feature: string }[],
): boolean {
  const { onMissing, repository } = call.params;
  const known = [...new Set([...outputs.map(o => o.schema.name), ...views.flatMap(v => v.features.map(f => f.name))])];
  const stray = namedInMissing(onMissing).find(name => !known.includes(name));
  if (stray !== undefined) {
    call.fail(
      messages.feastFeatureMissing({
        path: repository,
        view: views.map(v => v.name).join("`, `"),
        feature: stray,
        known: listNames(known),
        suggestion: suggest(stray, known),
      }),
      { literal: stray },
    );
    return false;
  }
  for (const { schema, feature } of outputs) {
    const rule = missingRule(onMissing, schema.name, feature);
    const problem = typeof rule === "object" ? defaultFault(schema, rule.default) : undefined;
    if (problem === undefined) continue;
    call.refuse(problem, `Give a ${printType(schema)}, or \`"null"\`.`, "right");
    return false;
  }
  return true;
}
