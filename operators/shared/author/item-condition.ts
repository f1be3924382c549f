/** The condition of a search: the author's function of an item and a user, compiled. */
import { listNames } from "../../../compiler/diagnostics/diagnostic.js";
import { suggest } from "../../../compiler/diagnostics/fixes.js";
import * as messages from "../../../compiler/diagnostics/messages.js";
import type { ParameterName } from "../../../compiler/lambda/parameter.js";
import { call as callOf, type Term, value } from "../../../compiler/lambda/term.js";
import { columnTerm, type UserFunction } from "../../../compiler/lambda/user-function.js";
import type { Expression } from "../../../contract/expression.js";
import type { OpKind } from "../../../contract/op-params.js";
import { column } from "../../../contract/schema.js";
import { columnsOfSide, conjuncts, type WhereSide, whereColumn } from "../../../contract/where.js";
import type { TableColumn } from "../../../formats/tables/attribute-table.js";
import type { Bound } from "./bound.js";
import { sameRows } from "./columns.js";
import type { Call } from "./define-op.js";

export interface ItemCondition {
  /** The function as its author wrote it. */
  readonly text: string;
  /** All must hold. */
  readonly conditions: Expression[];
  /** Columns of the left node that they read. */
  readonly user: readonly Bound[];
  /** Names of the attributes that they read. */
  readonly item: readonly string[];
}

/** @param columns attributes of the items @returns undefined after a fault, which is reported */
export function itemCondition(
  call: Call<unknown>,
  query: Bound,
  lambda: UserFunction,
  columns: readonly TableColumn[],
  operator: OpKind,
): ItemCondition | undefined {
  const condition = conditionOf(call, lambda, columns);
  if (!condition) return undefined;
  const conditions = conjuncts(condition);
  const names = (side: WhereSide): string[] => [...new Set(conditions.flatMap(c => columnsOfSide(c, side)))];
  const user = names("user").map(name => call.input.find(b => b.column.name === name)!);
  if (!sameRows(call, [query, ...user], `\`where\` of \`${operator}\``)) return undefined;
  return { text: lambda.source, conditions, user, item: names("item") };
}

/** One expression, true or false; undefined after a fault. */
export function conditionOf(
  call: Pick<Call<unknown>, "input" | "fail">,
  lambda: UserFunction,
  columns: readonly TableColumn[],
): Expression | undefined {
  const { parameters, file, range } = lambda;
  if (parameters.length === 0 || parameters.length > 2)
    return call.fail(
      messages.lambdaUnsupported({
        what: `A condition of ${parameters.length} parameters`,
        way: "Give it the item and, where it needs one, the user: `(item, user) => …`.",
      }),
      { at: { file, ...range } },
    );
  const sides: Readonly<Record<WhereSide, ReadonlyMap<string, Term>>> = {
    item: new Map(columns.map(col => [col.name, itemTerm(col)])),
    user: new Map(call.input.map(bound => [bound.column.name, sideTerm("user", bound)])),
  };
  const sideOf = (name: ParameterName): WhereSide => (parameters[0]!.names.includes(name) ? "item" : "user");
  const compiled = lambda.compile(name => {
    const terms = sides[sideOf(name)];
    const form = parameters.find(parameter => parameter.names.includes(name))!.form;
    if (form === "name") return { kind: "row", columns: terms };
    const found = terms.get(name.column);
    if (found) return found;
    const known = [...terms.keys()];
    return call.fail(
      messages.schemaColumnMissing({
        reader: "The condition",
        column: name.column,
        columns: listNames(known),
        suggestion: suggest(name.column, known),
        way: sideOf(name) === "item" ? "Use a column of the attribute table." : "Use a column of the left node.",
      }),
      { at: { file, ...name.range } },
    );
  });
  if (!compiled) return undefined;
  const result = value(compiled.type, compiled.expression);
  return (compiled.type === "flag" ? result : callOf("truthy", result)).expression;
}

const itemTerm = ({ name, dtype, type }: TableColumn): Term =>
  dtype ? columnTerm(named("item", column(name, dtype))) : { kind: "unreadable", what: `an attribute of type ${type}` };

const sideTerm = (side: WhereSide, { column: col }: Bound): Term => columnTerm(named(side, col));

const named = (side: WhereSide, col: Bound["column"]): Bound => ({
  column: { ...col, name: whereColumn(side, col.name) },
  ref: { step: "", column: "" },
});
