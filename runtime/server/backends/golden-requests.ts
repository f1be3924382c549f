/** Golden rows of a plan's workflows → requests of one row, as its clients send them. A server warms up by them. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { AnswerForm } from "../../../contract/answer-form.js";
import type { Plan } from "../../../contract/plan.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import { rootRows } from "../../base/columns/table.js";
import type { Tensor } from "../../base/tensor.js";
import { type Cell, columnOf } from "../../engine/golden/cells.js";
import { type GoldenRows, readGolden } from "../../engine/golden/golden-rows.js";
import { answerTensors } from "./merlon-outputs.js";

/** The folder of the fitted workflows in a version folder. */
const WORKFLOWS = "workflows";

/**
 * A request's column has the values of the workflow's column with that name. All columns are of one row, so that ids fit each other. A
 * column that no workflow has is empty, or zero.
 */
export function goldenRequests({ inputs }: Plan, folder: string, form: AnswerForm): readonly (readonly Tensor[])[] {
  const golden = readAll(join(folder, WORKFLOWS));
  const [found] = golden.toSorted((a, b) => shared(b, inputs) - shared(a, inputs));
  const rows = rootRows(1);
  return Array.from({ length: found?.rows ?? 1 }, (_, row) =>
    inputs.flatMap(schema => {
      const cell = found?.inputs[schema.name]?.[row] ?? null;
      return answerTensors(schema, columnOf(schema, [cell ?? emptyOf(schema)], rows), rows, form);
    }),
  );
}

const shared = ({ inputs }: GoldenRows, columns: Plan["inputs"]): number =>
  columns.filter(({ name }) => Object.hasOwn(inputs, name)).length;

const emptyOf = ({ list }: ColumnSchema): Cell => (list ? new Array<null>(list.min ?? 0).fill(null) : null);

/** Files that do not hold golden rows are left out: a load has checked those that it compares. */
function readAll(folder: string): readonly GoldenRows[] {
  try {
    return readdirSync(folder).flatMap(name => readGolden(join(folder, name)) ?? []);
  } catch {
    return [];
  }
}
