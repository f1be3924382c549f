/** A plan with a log → the columns that its exposures are made of, found once when the model is loaded. */
import { columnsAt } from "../../../contract/any-step.js";
import { type Draw, exactDraw } from "../../../contract/exact-draw.js";
import type { AnyStep, ColumnRef, Plan } from "../../../contract/plan.js";
import type { PlanLog } from "../../../contract/plan-log.js";
import { REQUEST_ROWS } from "../../../contract/schema.js";
import { armsOf, bringsRows, draws } from "../../../contract/step-facts.js";
import type { KeptColumn, LoggedModel } from "./batch.js";

/** Rows of a kept column: the request's, the shown items', the ordered candidates', or those with ids of their own. */
export type Place = "request" | "shown" | "pool" | number;

export interface LogReader {
  readonly plan: Plan;
  readonly item: ColumnRef;
  /** Candidates of the last ordering, their scores, and those of the shown items; undefined if the answer is not ordered. */
  readonly pool: { readonly ids: ColumnRef; readonly scores: ColumnRef; readonly shown: ColumnRef } | undefined;
  readonly draw: Draw;
  /** The author's seed of the draw, which precedes the one that the server draws. */
  readonly seed: number | undefined;
  readonly kept: readonly { readonly ref: ColumnRef; readonly place: Place }[];
  /** Steps that assign the request's rows to arms, and the names of these. */
  readonly splits: readonly { readonly id: string; readonly names: readonly string[] }[];
  /** Ids of other row sets, by the number in `Place`. */
  readonly others: readonly ColumnRef[];
  /** Ids of the steps that find candidates, in the order of `LoggedModel.sources`, and the place of each in the plan. */
  readonly sources: readonly { readonly ids: ColumnRef; readonly step: number }[];
}

type Described = Pick<LoggedModel, "textItems" | "sources" | "draws" | "rate" | "kept" | "retentionDays">;

export function readLog(plan: Plan, log: PlanLog): { readonly reader: LogReader; readonly described: Described } {
  const { item, columns, ids, candidates, hashed, retentionDays } = log;
  const { rows } = item.schema;
  const ordering = plan.steps.find(({ id }) => id === rows);
  const [relevance] = (ordering && columnsAt(ordering, "relevance")) ?? [];
  const [, shown] = ordering?.outputs ?? [];
  const pool =
    ordering && relevance && shown
      ? {
          ids: columnsAt(ordering, "input")![0]!,
          scores: relevance,
          shown: { name: shown.name, step: ordering.id, column: shown.name },
        }
      : undefined;
  const poolRows = pool && rowsOf(plan, pool.ids);
  const others = ids.filter(({ schema }) => schema.rows !== poolRows && schema.rows !== rows);
  const placeOf = (of: string): Place => {
    if (of === REQUEST_ROWS) return "request";
    if (of === rows) return "shown";
    return of === poolRows ? "pool" : others.findIndex(({ schema }) => schema.rows === of);
  };
  const found = plan.steps.flatMap((step, at) => sourceOf(step, at));
  const drawing = plan.steps.filter(draws);
  const authored = drawing.map(({ params }) => ("seed" in params ? params.seed : undefined));
  return {
    reader: {
      plan,
      item: item.ref,
      pool,
      draw: exactDraw(plan, rows),
      seed: authored.find(seed => typeof seed === "number"),
      kept: columns.map(({ ref, schema }) => ({ ref, place: placeOf(schema.rows) })),
      splits: plan.steps.flatMap(step => {
        const names = armsOf(step);
        return names ? [{ id: step.id, names }] : [];
      }),
      others: others.map(({ ref }) => ref),
      sources: found.map(({ ids, step }) => ({ ids, step })),
    },
    described: {
      textItems: item.schema.dtype === "string",
      sources: found.map(({ label }) => label),
      draws: drawing.length > 0,
      rate: candidates === "shown" ? 0 : candidates.all,
      kept: columns.map(({ schema: { name, dtype, list, rows } }) => ({
        name,
        // The compiler refuses the others.
        dtype: dtype as KeptColumn["dtype"],
        list: list !== undefined,
        perList: rows === REQUEST_ROWS,
        hashed: hashed.includes(name),
      })),
      ...(retentionDays !== undefined && { retentionDays }),
    },
  };
}

/** A step that brings candidates, with the column of their ids. */
function sourceOf(step: AnyStep, at: number) {
  if (!bringsRows(step)) return [];
  const ids = step.outputs.find(({ rows, tags, list }) => rows === step.id && !list && tags.includes("id"));
  if (!ids) return [];
  return [{ ids: { name: ids.name, step: step.id, column: ids.name }, step: at, label: step.label }];
}

const rowsOf = ({ steps }: Plan, { step, column }: ColumnRef): string | undefined =>
  steps.find(({ id }) => id === step)?.outputs.find(({ name }) => name === column)?.rows;
