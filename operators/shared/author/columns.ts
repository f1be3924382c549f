/**
 * Finding columns in a scope, with the messages for those that are not there or not alone.
 */

import { didYouMean, listNames } from "../../../compiler/diagnostics/diagnostic.js";
import { suggest } from "../../../compiler/diagnostics/fixes.js";
import * as messages from "../../../compiler/diagnostics/messages.js";
import { type ColumnSchema, printType, REQUEST_ROWS } from "../../../contract/schema.js";
import type { Bound, Scope } from "./bound.js";
import type { Blame, Call } from "./define-op.js";

export const namesOf = (scope: Scope): string[] => scope.map(b => b.column.name);

/** Names of the columns of each group, for a step's parameters; and how what is made of a group is called, `item_id_brand`. */
export const groupNames = ({ groups }: Call<unknown>): string[][] => groups.map(namesOf);
export const joinedName = (group: readonly string[]): string => group.join("_");

/** The column of that name; reports a missing one. */
export function need(
  call: Call<unknown>,
  scope: Scope,
  name: string,
  reader: string,
  way: string,
  blame?: Blame,
): Bound | undefined {
  const found = scope.find(b => b.column.name === name);
  if (!found)
    call.fail(
      messages.schemaColumnMissing({
        reader,
        column: name,
        columns: listNames(namesOf(scope)),
        // A name that a file has is not in the author's text.
        suggestion: (isWritten(blame) ? suggest : didYouMean)(name, namesOf(scope)),
        way,
      }),
      blame,
    );
  return found;
}

const isWritten = (blame: Blame | undefined): boolean => typeof blame === "object" && "literal" in blame;

/** The columns of these names; reports all that are missing in one message. */
export function needAll(
  call: Call<unknown>,
  names: readonly string[],
  reader: string,
  way: (missing: string) => string,
  blame?: Blame,
): Bound[] | undefined {
  const scope = call.input;
  const missing = names.filter(name => !scope.some(b => b.column.name === name));
  if (missing.length === 0) return names.map(name => scope.find(b => b.column.name === name)!);
  return call.fail(
    messages.schemaColumnMissing({
      reader,
      column: missing.join("`, `"),
      columns: listNames(namesOf(scope)),
      suggestion: missing.length === 1 ? didYouMean(missing[0]!, namesOf(scope)) : "",
      way: way(missing.map(name => `\`${name}\``).join(", ")),
    }),
    blame,
  );
}

interface WhichColumn {
  /** Whether the operator could take the column, so that it is an example of the one to pick. */
  readonly fits?: (bound: Bound) => boolean;
  /** The way out if no column fits. */
  readonly none?: string;
}

/** The only column of a scope; reports none or several. */
export function needOne(
  call: Call<unknown>,
  scope: Scope,
  reader: string,
  operator: string,
  blame: Blame = "left",
  { fits = () => true, none = "" }: WhichColumn = {},
): Bound | undefined {
  if (scope.length === 1) return scope[0];
  const example = scope.length === 0 ? "column" : scope.find(fits)?.column.name;
  call.fail(
    messages.schemaOneColumn({
      reader,
      count: scope.length,
      columns: listNames(namesOf(scope)),
      way: example === undefined ? none : `Pick the one: \`node["${example}"] >> ${operator}\`.`,
    }),
    blame,
  );
  return undefined;
}

/** How rows read in a message. */
export const describeRows = (rows: string): string =>
  rows === REQUEST_ROWS ? "request row" : `candidate of \`${rows}\``;

/** The way to join columns of the request to its candidates; two lists of candidates cannot be joined. */
function rowsWay(scope: Scope, example: string | undefined): string {
  const ofRequest = scope.filter(b => b.column.rows === REQUEST_ROWS);
  const item = example ?? itemOf(scope.filter(b => b.column.rows !== REQUEST_ROWS));
  if (ofRequest.length === 0 || item === undefined)
    return "These are different lists of candidates: unite them with `mergeCandidates` before they are looked up, or give each its own answer.";
  const picked = namesOf(ofRequest).map(name => JSON.stringify(name));
  return `Repeat the request's columns for each candidate: \`>> unrollFeatures("${item}", node[[${picked.join(", ")}]])\`, where \`node\` has them.`;
}

/** The candidates' own id, where it is among the columns. */
const itemOf = (scope: Scope): string | undefined =>
  (scope.find(b => b.column.tags.includes("id")) ?? scope[0])?.column.name;

/** True when all columns have the same rows; reports the first that differs. */
export function sameRows(call: Call<unknown>, scope: Scope, reader: string, example?: string): boolean {
  const [first, ...rest] = scope;
  const other = rest.find(b => b.column.rows !== first!.column.rows);
  if (!other) return true;
  call.fail(
    messages.schemaRowsMismatch({
      reader,
      left: first!.column.name,
      leftRows: describeRows(first!.column.rows),
      right: other.column.name,
      rightRows: describeRows(other.column.rows),
      way: rowsWay(scope, example),
    }),
    undefined,
    [first!, other].map(of => ({ note: `\`${of.column.name}\` comes from here`, of })),
  );
  return false;
}

/** Reports a column whose type is not what its reader declared. */
export function needType(
  call: Call<unknown>,
  bound: Bound,
  wanted: Pick<ColumnSchema, "dtype" | "list">,
  reader: string,
  way: string,
  accepts: (seen: string, wanted: string) => boolean = (a, b) => a === b,
): boolean {
  const sameShape = !!bound.column.list === !!wanted.list;
  if (sameShape && accepts(bound.column.dtype, wanted.dtype)) return true;
  call.fail(
    messages.schemaDtypeMismatch({
      reader,
      column: bound.column.name,
      wanted: printType(wanted),
      seen: printType(bound.column),
      way,
    }),
    undefined,
    [{ note: `\`${bound.column.name}\` is made ${printType(bound.column)} here`, of: bound }],
  );
  return false;
}
