/** A plan with a log → the columns that its exposures are made of, found once when the model is loaded. */
import { columnsAt } from "../../../contract/any-step.js";
import { type Draw, exactDraw } from "../../../contract/exact-draw.js";
import type { AnyStep, ColumnRef, Plan } from "../../../contract/plan.js";
import type { PlanLog } from "../../../contract/plan-log.js";
import { REQUEST_ROWS } from "../../../contract/schema.js";
import { armsOf, bringsRows, draws } from "../../../contract/step-facts.js";
import type { DrawRule } from "../../../operators/shared/spec/facts.js";
import type { KeptColumn, LoggedModel } from "./batch.js";

/** Rows of a kept column: the request's, the shown items', the ordered candidates', or those with ids of their own. */
export type Place = "request" | "shown" | "pool" | number;

/** How lists are made of the columns that a run recorded. Columns are numbers among `LogReader.columns`. */
export interface ListPlan {
  readonly item: number;
  /** Candidates of the last ordering, their scores, and those of the shown items; undefined if the answer is not ordered. */
  readonly pool: { readonly ids: number; readonly scores: number; readonly shown: number } | undefined;
  readonly draw: ListDraw;
  readonly kept: readonly { readonly column: number; readonly place: Place }[];
  /** Ids of other row sets, by the number in `Place`. */
  readonly others: readonly number[];
  /** Ids of the steps that find candidates, in the order of `LoggedModel.sources`; empty if there is only one step. */
  readonly sources: readonly number[];
  /** For each split the names of its arms. */
  readonly arms: readonly (readonly string[])[];
}

/** The probability of a list: not known, 1, by the rule of its draw, or in columns of the ordering. */
export type ListDraw = "unknown" | "certain" | DrawRule | { readonly propensity: number; readonly list?: number };

export interface LogReader {
  /** Each once. */
  readonly columns: readonly ColumnRef[];
  readonly lists: ListPlan;
  /** The author's seed of the draw, which precedes the one that the server draws. */
  readonly seed: number | undefined;
  /** Ids of the steps that assign the request's rows to arms, in the order of `ListPlan.arms`. */
  readonly splits: readonly string[];
  /** Place in the plan of each step of `ListPlan.sources`. */
  readonly sources: readonly number[];
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
  const splits = plan.steps.flatMap(step => {
    const names = armsOf(step);
    return names ? [{ id: step.id, names }] : [];
  });
  const several = found.length > 1 ? found : [];
  const read = new ReadColumns();
  const lists: ListPlan = {
    item: read.add(item.ref),
    pool: pool && { ids: read.add(pool.ids), scores: read.add(pool.scores), shown: read.add(pool.shown) },
    draw: drawOf(exactDraw(plan, rows), read),
    kept: columns.map(({ ref, schema }) => ({ column: read.add(ref), place: placeOf(schema.rows) })),
    others: others.map(({ ref }) => read.add(ref)),
    sources: several.map(({ ids }) => read.add(ids)),
    arms: splits.map(({ names }) => names),
  };
  return {
    reader: {
      columns: read.refs,
      lists,
      seed: authored.find(seed => typeof seed === "number"),
      splits: splits.map(({ id }) => id),
      sources: several.map(({ step }) => step),
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

/** Columns of a plan, numbered as they are added. */
class ReadColumns {
  readonly refs: ColumnRef[] = [];

  /** @returns its number; the same for the same column */
  add(ref: ColumnRef): number {
    const known = this.refs.findIndex(({ step, column }) => step === ref.step && column === ref.column);
    return known < 0 ? this.refs.push(ref) - 1 : known;
  }
}

function drawOf(draw: Draw, read: ReadColumns): ListDraw {
  if (!draw.exact) return "unknown";
  const { step, columns, temperature, uniform } = draw;
  const number = (column: string): number => read.add({ name: column, step, column });
  if (columns)
    return {
      propensity: number(columns.propensity),
      ...(columns.list !== undefined && { list: number(columns.list) }),
    };
  if (temperature === undefined && !uniform) return "certain";
  return { ...(temperature !== undefined && { temperature }), ...(uniform && { uniform }) };
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
