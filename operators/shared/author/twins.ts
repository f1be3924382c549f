/** Columns of the same names and types on the sides of a choice. */
import * as messages from "../../../compiler/diagnostics/messages.js";
import { printType } from "../../../contract/schema.js";
import type { Bound } from "./bound.js";
import { describeRows, need, sameRows } from "./columns.js";
import type { Call } from "./define-op.js";

interface Side {
  readonly port: string;
  /** How messages name it. */
  readonly reader: string;
}

const WAY = "Give both columns of the same names and types, with `rename` or `[]`.";

/** The columns of a side in the order of the first side's; reports a missing one, and one of another type. */
export function twins(
  call: Call<unknown>,
  first: readonly Bound[],
  { port, reader }: Side,
  way = WAY,
): Bound[] | undefined {
  const blame = { dependency: port };
  const found: Bound[] = [];
  for (const { column } of first) {
    const twin = need(call, call.dependency(port), column.name, reader, way, blame);
    if (!twin) return undefined;
    const [wanted, seen] = [printType(column), printType(twin.column)];
    if (seen !== wanted)
      return call.fail(messages.schemaDtypeMismatch({ reader, column: column.name, wanted, seen, way }), blame);
    found.push(twin);
  }
  return found;
}

/**
 * The columns of an operator's other branch, which is of the port with its name: of the names, types and rows of its input.
 * @param way out for branches of other rows
 * @returns undefined after a fault, which is reported
 */
export function otherBranch(
  call: Call<unknown>,
  operator: "fallback" | "shadow",
  way: string,
): { readonly columns: Bound[]; readonly parent: string | undefined } | undefined {
  const { input } = call;
  const reader = `The ${operator}`;
  const namesWay = "Give it columns of the same names and types, with `rename` or `[]`.";
  const columns = twins(call, input, { port: operator, reader }, namesWay);
  if (!columns || !sameRows(call, input, `\`${operator}\``) || !sameRows(call, columns, reader)) return undefined;
  const [rows, otherRows] = [input[0]!.column.rows, columns[0]!.column.rows];
  const parent = call.parentRows(rows);
  if (parent === call.parentRows(otherRows) && (parent !== undefined || rows === otherRows)) return { columns, parent };
  return call.refuse(
    `the left side has one row per ${describeRows(rows)}, and the ${operator} one per ${describeRows(otherRows)}.`,
    way,
    { dependency: operator },
  );
}
