/** Columns of the same names and types on the sides of a choice. */
import * as messages from "../../../compiler/diagnostics/messages.js";
import { printType } from "../../../contract/schema.js";
import type { Bound } from "./bound.js";
import { need } from "./columns.js";
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
