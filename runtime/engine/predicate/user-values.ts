/** The users' side of a condition: their values as keys, and the parts that depend on the user alone. */
import { columnsOf, type Expression } from "../../../contract/expression.js";
import type { ValueType } from "../../../contract/expression-functions.js";
import { valueTypeOf } from "../../../contract/expression-type.js";
import { whereColumn } from "../../../contract/where.js";
import type { Column } from "../../base/columns/table.js";
import { compileExpression } from "../expression/compile-expression.js";
import { toVector } from "../expression/vector.js";
import type { FlagVector } from "../expression/vector-kinds.js";

/** Equal texts for rows of equal values; a value cannot be taken for several. */
export function valuesKey(columns: readonly Column[], row: number): string {
  let key = "";
  for (const { values, validity, offsets, width = 1 } of columns) {
    const [from, to] = offsets ? [offsets[row]!, offsets[row + 1]!] : [row * width, (row + 1) * width];
    key += `${to - from}:`;
    for (let i = from; i < to; i++) {
      const value = values[i]!;
      if (validity?.[i] === 0) key += "n,";
      else if (typeof value === "string") key += `${value.length}=${value},`;
      else key += `${Object.is(value, -0) ? "-0" : value},`;
    }
  }
  return key;
}

/** @returns 1 for each row for which all hold */
export function userFlags(
  conditions: readonly Expression[],
  user: ReadonlyMap<string, Column>,
  rows: number,
  what: string,
): Uint8Array {
  const flags = new Uint8Array(rows).fill(1);
  for (const condition of conditions) {
    const read = columnsOf(condition);
    const columns = [...user].filter(([name]) => read.has(whereColumn("user", name)));
    const types = new Map(columns.map(([name, col]): [string, ValueType] => [whereColumn("user", name), typeOf(col)]));
    const vectors = new Map(
      columns.map(([name, col]) => [whereColumn("user", name), toVector(col, `${what}, column \`${name}\`,`)]),
    );
    const { values } = compileExpression(condition, types, what).run(vectors, rows) as FlagVector;
    for (let row = 0; row < rows; row++) if (values[row] !== 1) flags[row] = 0;
  }
  return flags;
}

const typeOf = ({ dtype, offsets, width }: Column): ValueType =>
  valueTypeOf({ dtype, ...((offsets !== undefined || width !== undefined) && { list: { min: 0, max: null } }) })!;
