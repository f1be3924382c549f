/** The condition of a step, with the values of each row's user put in. */
import type { Value } from "../../contract/expression-functions.js";
import type { Step } from "../../contract/plan.js";
import { bindFilter } from "../../contract/vector-filter/bind-filter.js";
import { ALWAYS, type Filter } from "../../contract/vector-filter/filter.js";
import { FilterFault, templateOf } from "../../contract/vector-filter/template.js";
import { whereColumn } from "../../contract/where.js";
import { refuseFilter } from "../../formats/vectors/store-abilities.js";
import type { VectorStore } from "../../formats/vectors/vector-store.js";
import type { Column } from "../../runtime/base/columns/table.js";
import { RuntimeFault } from "../../runtime/base/errors.js";

export type FilterOfRow = (row: number) => Filter;

/** @throws RuntimeFault for a condition that the store cannot say */
export function prepareFilter(
  step: Step<"queryVectors">,
  store: VectorStore,
): (user: readonly Column[]) => FilterOfRow {
  const { where } = step.params;
  if (!where) return () => () => ALWAYS;
  try {
    const template = templateOf(where.conditions);
    refuseFilter(store.type, template);
    return user => {
      const columns = (step.inputs.user ?? []).map((ref, i) => [whereColumn("user", ref.name), user[i]!] as const);
      return row =>
        bindFilter(template, new Map(columns.map(([name, col]) => [name, cellOf(col, row)])), store.attributes);
    };
  } catch (error) {
    if (!(error instanceof FilterFault)) throw error;
    throw new RuntimeFault("UNSUPPORTED", `step \`${step.label}\` (queryVectors): ${error.message}`, { cause: error });
  }
}

/** A value of a row as expressions take it. */
function cellOf({ dtype, values, validity, offsets, width }: Column, row: number): Value {
  const item = (i: number): number | bigint | string | boolean | undefined => {
    if (validity?.[i] === 0) return undefined;
    const value = values[i]!;
    if (typeof value === "number" && Number.isNaN(value)) return undefined;
    if (dtype === "bool") return value === 1;
    // Integers are exact, whatever array holds them.
    return typeof value === "number" && /int/.test(dtype) ? BigInt(value) : value;
  };
  if (!offsets && width === undefined) return item(row);
  const [from, to] = offsets ? [offsets[row]!, offsets[row + 1]!] : [row * width!, (row + 1) * width!];
  return Array.from({ length: to - from }, (_, i) => item(from + i) as number | bigint | string | undefined);
}
