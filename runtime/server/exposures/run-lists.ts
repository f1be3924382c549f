/**
 * The columns of a run → the lists of its request rows, appended to a model's builder. Candidates are matched by id within their own user's, and
 * nothing is allocated per candidate. In the writer's thread.
 */
import { drawPropensities } from "../../../operators/shared/kernel/draw-propensities.js";
import { philoxRun, uniform } from "../../../operators/shared/kernel/philox.js";
import { scoreValues } from "../../../operators/shared/kernel/score-values.js";
import { runsOf } from "../../base/columns/row-map.js";
import { type Column, type Rows, rootOf } from "../../base/columns/table.js";
import type { ListBuilder, ListHead } from "./list-builder.js";
import type { ListPlan } from "./log-reader.js";
import { comparison, matchIds } from "./match-ids.js";
import type { RecordedRun } from "./recorded-runs.js";

/** A row set of a run: ids, and the run of rows of each request row. */
interface RowSet {
  readonly ids: Column;
  readonly offsets: Int32Array;
}

/** A random choice of candidates that were not shown. */
export interface Sampling {
  /** Probability with which one is logged; 0 logs none. */
  readonly rate: number;
  /** Keys of the generator: two 32-bit words, of which no two lists have the same. */
  readonly key0: number;
  readonly key1: number;
}

const NOTHING = new Int32Array(0);

export class RunLists {
  readonly #plan: ListPlan;
  readonly #run: RecordedRun;
  readonly #root: Rows | undefined;
  readonly #shown: RowSet | undefined;
  readonly #pool: RowSet | undefined;
  readonly #scores: Float32Array | Float64Array | undefined;
  readonly #shownScores: Float32Array | Float64Array | undefined;
  readonly #others: readonly (RowSet | undefined)[];
  readonly #kept: readonly (Column | undefined)[];
  #sources: readonly (RowSet | undefined)[] | undefined;

  constructor(plan: ListPlan, run: RecordedRun) {
    const { columns } = run;
    const { item, pool, others, kept } = plan;
    this.#plan = plan;
    this.#run = run;
    this.#root = columns[item] && rootOf(columns[item].rows);
    this.#shown = this.#rowSet(item);
    this.#pool = pool && this.#rowSet(pool.ids);
    this.#scores = scoresOf(pool && columns[pool.scores]);
    this.#shownScores = scoresOf(pool && columns[pool.shown]);
    this.#others = others.map(column => this.#rowSet(column));
    this.#kept = kept.map(({ column }) => columns[column]);
  }

  /** Appends the list of a request row, or nothing if no candidate was shown. @param row of the run */
  append(to: ListBuilder, row: number, head: ListHead, sampling: Sampling): void {
    const shown = this.#shown;
    if (!shown || countOf(shown, row) === 0) return;
    const pool = this.#pool;
    const first = shown.offsets[row]!;
    const count = countOf(shown, row);
    const start = pool?.offsets[row] ?? 0;
    const pooled = countOf(pool, row);
    const places = pool ? this.#places(shown, pool, row) : NOTHING;
    const chances = new Float64Array(count);
    const listChance = this.#chances(row, places, chances);
    for (let i = 0; i < count; i++) {
      const place = pool ? places[i]! : -1;
      const score = place < 0 ? Number.NaN : (this.#scores?.[start + place] ?? Number.NaN);
      to.addRow(shown.ids, first + i, i + 1, score, chances[i]!);
    }
    const left = pool && sampling.rate > 0 ? leftOver(places, pooled, sampling) : NOTHING;
    for (let i = 0; i < left.length; i++)
      to.addRow(pool!.ids, start + left[i]!, 0, this.#scores?.[start + left[i]!] ?? Number.NaN, Number.NaN);
    this.#addOthers(to, row, places, left);
    to.endList(head, this.#armOf(row), listChance);
  }

  /** The arm of a row, or those of several splits in the order of the plan. */
  #armOf(row: number): string {
    const arms = this.#plan.arms.map((names, i) => names[this.#run.arms[i]?.[row] ?? -1] ?? "");
    return arms.length > 1 ? arms.join("/") : (arms[0] ?? "");
  }

  #rowSet(column: number): RowSet | undefined {
    const ids = this.#run.columns[column];
    const offsets = ids && this.#root && runsOf(ids.rows, this.#root);
    return offsets && { ids: ids!, offsets };
  }

  /** For each shown item its place among the ordered candidates, or -1. Scores separate equal ids. Each place is taken once. */
  #places(shown: RowSet, pool: RowSet, row: number): Int32Array {
    const [first, from, to] = [shown.offsets[row]!, pool.offsets[row]!, pool.offsets[row + 1]!];
    const count = countOf(shown, row);
    const places = new Int32Array(count);
    const wanted = places.map((_, i) => first + i);
    matchIds(shown.ids, wanted, count, { ids: pool.ids, from, to }, places);
    const taken = new Set<number>();
    const isOther = (place: number, i: number): boolean =>
      taken.has(place) || this.#scores?.[place] !== this.#shownScores?.[first + i];
    let isSame: ReturnType<typeof comparison> | undefined;
    for (let i = 0; i < count; i++) {
      if (places[i]! >= 0 && isOther(places[i]!, i)) {
        isSame ??= comparison(shown.ids, pool.ids);
        let next = places[i]! + 1;
        while (next < to && (isOther(next, i) || !isSame(first + i, next))) next++;
        places[i] = next < to ? next : -1;
      }
      if (places[i]! >= 0) taken.add(places[i]!);
    }
    return places.map(place => (place < 0 ? -1 : place - from));
  }

  /** @param out receives the probability of each position, NaN where it is not known @returns that of the list */
  #chances(row: number, places: Int32Array, out: Float64Array): number {
    const { draw } = this.#plan;
    if (draw === "unknown") return unknown(out);
    if (draw === "certain") {
      out.fill(1);
      return 1;
    }
    if ("propensity" in draw) return this.#carried(row, draw, out);
    const pool = this.#pool;
    if (!pool || !this.#scores || places.includes(-1)) return unknown(out);
    const scores = Float64Array.from(this.#scores.subarray(pool.offsets[row]!, pool.offsets[row + 1]!));
    return Math.exp(drawPropensities(draw, scores, scores.length, places, out));
  }

  /** The probabilities that the step itself made. */
  #carried(row: number, columns: { readonly propensity: number; readonly list?: number }, out: Float64Array): number {
    const own = this.#run.columns[columns.propensity];
    const first = this.#shown!.offsets[row]!;
    if (!own || own.rows !== this.#shown!.ids.rows) return unknown(out);
    let product = 1;
    for (let i = 0; i < out.length; i++) {
      out[i] = own.values[first + i] as number;
      product *= out[i]!;
    }
    const list = columns.list === undefined ? undefined : this.#run.columns[columns.list];
    if (!list) return product;
    return list.values[list.rows === own.rows ? first : row] as number;
  }

  /** Kept columns and sources of the rows that were appended: the shown ones, then those left over. */
  #addOthers(to: ListBuilder, row: number, places: Int32Array, left: Int32Array): void {
    const { kept, sources } = this.#plan;
    const pool = this.#pool;
    const base = pool ?? this.#shown!;
    const start = base.offsets[row]!;
    const count = countOf(this.#shown, row);
    const total = count + left.length;
    /** Rows of `base`. */
    const rows = new Int32Array(total);
    for (let i = 0; i < count; i++) rows[i] = !pool ? start + i : places[i]! < 0 ? -1 : start + places[i]!;
    for (let i = 0; i < left.length; i++) rows[count + i] = start + left[i]!;
    const found: (Int32Array | undefined)[] = [];
    const first = this.#shown!.offsets[row]!;
    for (let c = 0; c < kept.length; c++) {
      const { place } = kept[c]!;
      const column = this.#kept[c];
      if (place === "request") to.keep(c, column, row);
      else if (place === "shown") for (let i = 0; i < total; i++) to.keep(c, column, i < count ? first + i : -1);
      else {
        const at = place === "pool" ? rows : (found[place] ?? matched(base.ids, rows, this.#others[place], row));
        if (place !== "pool") found[place] = at;
        for (let i = 0; i < total; i++) to.keep(c, column, at[i]!);
      }
    }
    if (sources.length > 1) this.#addSources(to, row, base.ids, rows);
  }

  #addSources(to: ListBuilder, row: number, ids: Column, rows: Int32Array): void {
    const { sources } = this.#plan;
    this.#sources ??= sources.map(column => this.#rowSet(column));
    const { sets, at } = to.reserveSources(rows.length);
    const width = Math.ceil(sources.length / 8);
    for (let s = 0; s < sources.length; s++) {
      if (!this.#run.isTaken(s, row)) continue;
      const found = matched(ids, rows, this.#sources[s], row);
      for (let i = 0; i < rows.length; i++) if (found[i]! >= 0) sets[at + i * width + (s >> 3)]! |= 1 << (s & 7);
    }
  }
}

const scoresOf = (column: Column | undefined) => column && scoreValues(column);

function matched(ids: Column, rows: Int32Array, set: RowSet | undefined, row: number): Int32Array {
  const found = new Int32Array(rows.length).fill(-1);
  if (set)
    matchIds(ids, rows, rows.length, { ids: set.ids, from: set.offsets[row]!, to: set.offsets[row + 1]! }, found);
  return found;
}

/** Places of candidates that were not shown, each taken with the probability of the sampling. */
function leftOver(places: Int32Array, count: number, { rate, key0, key1 }: Sampling): Int32Array {
  const isShown = new Uint8Array(count);
  for (const place of places) if (place >= 0) isShown[place] = 1;
  const left = new Int32Array(count);
  let length = 0;
  const words = rate < 1 ? new Int32Array(2 * count) : NOTHING;
  if (rate < 1) philoxRun(words, count, STREAM, 0, key0, key1);
  for (let i = 0; i < count; i++)
    if (isShown[i] === 0 && (rate >= 1 || uniform(words[2 * i]!, words[2 * i + 1]!) < rate)) left[length++] = i;
  return left.subarray(0, length);
}

/** A counter that no step's draw has. */
const STREAM = 0x6c6f67;

function unknown(out: Float64Array): number {
  out.fill(Number.NaN);
  return Number.NaN;
}

const countOf = (set: RowSet | undefined, row: number): number => (set ? set.offsets[row + 1]! - set.offsets[row]! : 0);
