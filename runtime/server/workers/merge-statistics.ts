/**
 * The statistics of one version in several workers as one: counts and times are sums, the last inference is the latest.
 */
import type { InferBatchStatistics, ModelStatistics, StatisticDuration } from "../../../triton-protos/gen/messages.js";
import type { StagedStatistics } from "../requests/server-calls.js";

type Duration = Pick<StatisticDuration, "count" | "ns">;
type Stage = NonNullable<StagedStatistics["stages"]>[number];

const sum = (a: Duration | undefined, b: Duration | undefined): Duration => ({
  count: Number(a?.count ?? 0) + Number(b?.count ?? 0),
  ns: Number(a?.ns ?? 0) + Number(b?.ns ?? 0),
});

const DURATIONS = [
  "success",
  "fail",
  "queue",
  "compute_input",
  "compute_infer",
  "compute_output",
  "cache_hit",
  "cache_miss",
] as const;

/** Clocks of workers are one clock, so a later time than now is from before it was set back. */
const SET_BACK_MS = 1000;

function laterOf(a: number, b: number): number {
  const [first, last] = [Math.min(a, b), Math.max(a, b)];
  return first > 0 && last > Date.now() + SET_BACK_MS ? first : last;
}

export function addStatistics(a: StagedStatistics, b: StagedStatistics): StagedStatistics {
  const stages = a.stages || b.stages ? addStages(a.stages ?? [], b.stages ?? []) : undefined;
  return {
    ...a,
    last_inference: laterOf(Number(a.last_inference), Number(b.last_inference)),
    inference_count: Number(a.inference_count) + Number(b.inference_count),
    execution_count: Number(a.execution_count) + Number(b.execution_count),
    inference_stats: Object.fromEntries(
      DURATIONS.map(name => [name, sum(a.inference_stats?.[name], b.inference_stats?.[name])]),
    ) as unknown as NonNullable<ModelStatistics["inference_stats"]>,
    batch_stats: addBatches(a.batch_stats, b.batch_stats),
    ...(stages && { stages }),
  };
}

function addBatches(
  a: readonly InferBatchStatistics[],
  b: readonly InferBatchStatistics[],
): readonly InferBatchStatistics[] {
  const rows = new Map<number, InferBatchStatistics>();
  for (const row of [...a, ...b]) {
    const size = Number(row.batch_size);
    const known = rows.get(size);
    rows.set(size, {
      batch_size: row.batch_size,
      compute_input: sum(known?.compute_input, row.compute_input),
      compute_infer: sum(known?.compute_infer, row.compute_infer),
      compute_output: sum(known?.compute_output, row.compute_output),
    });
  }
  return [...rows].sort(([x], [y]) => x - y).map(([, row]) => row);
}

function addStages(a: readonly Stage[], b: readonly Stage[]): readonly Stage[] {
  const stages = new Map<string, Stage>();
  for (const stage of [...a, ...b]) {
    const known = stages.get(stage.name);
    stages.set(stage.name, known ? addStage(known, stage) : stage);
  }
  return [...stages.values()];
}

function addStage(a: Stage, b: Stage): Stage {
  const hits = a.cache_hit || b.cache_hit;
  const count = (x: { readonly count: number } | undefined, y: { readonly count: number } | undefined) => ({
    count: (x?.count ?? 0) + (y?.count ?? 0),
  });
  return {
    ...a,
    success: sum(a.success, b.success),
    fail: count(a.fail, b.fail),
    rows_in: a.rows_in + b.rows_in,
    rows_out: a.rows_out + b.rows_out,
    ...(a.fallbacks !== undefined && { fallbacks: a.fallbacks + (b.fallbacks ?? 0) }),
    ...(a.sources && { sources: addCounts(a.sources, b.sources) }),
    ...(a.joins && { joins: addCounts(a.joins, b.joins) }),
    ...((a.empty || b.empty) && { empty: [...new Set([...(a.empty ?? []), ...(b.empty ?? [])])] }),
    ...(a.arms && { arms: addCounts(a.arms, b.arms) }),
    ...(a.shadow && { shadow: addCounts(a.shadow, b.shadow) }),
    ...(hits && { cache_hit: count(a.cache_hit, b.cache_hit), cache_miss: count(a.cache_miss, b.cache_miss) }),
  };
}

/** Numbers are sums, wherever they are, and a flag is set if one worker sets it. The rest is the same in all workers. */
function addCounts<T>(a: T, b: T | undefined): T {
  if (b === undefined) return a;
  if (typeof a === "number") return (a + (b as number)) as T;
  if (typeof a === "boolean") return (a || b) as T;
  if (Array.isArray(a)) return a.map((one, i) => addCounts(one, (b as unknown[])[i])) as T;
  if (typeof a !== "object" || a === null) return a;
  return Object.fromEntries(
    Object.entries(a).map(([name, value]) => [name, addCounts(value, (b as Record<string, unknown>)[name])]),
  ) as T;
}

/** Versions by name and number, and by place where several repositories have a name. */
function keyed(list: readonly StagedStatistics[]): ReadonlyMap<string, StagedStatistics> {
  const seen = new Map<string, number>();
  return new Map(
    list.map(one => {
      const name = JSON.stringify([one.name, one.version]);
      const nth = (seen.get(name) ?? 0) + 1;
      seen.set(name, nth);
      return [`${nth} ${name}`, one];
    }),
  );
}

/** The statistics of workers by process, and of those that have ended, so that no sum falls when a worker dies. */
export class WorkerStatistics {
  /** The last answers of living workers. */
  readonly #known = new Map<number, Map<string, StagedStatistics>>();
  readonly #ended = new Map<string, StagedStatistics>();

  /** @param answers by worker; without an answer, a worker counts with its last one @returns sums in the order of the first answer */
  merge(
    living: readonly number[],
    answers: ReadonlyMap<number, readonly StagedStatistics[]>,
  ): readonly StagedStatistics[] {
    const wanted = new Map<string, StagedStatistics>();
    for (const [worker, list] of answers) {
      const known = this.#known.get(worker) ?? new Map<string, StagedStatistics>();
      this.#known.set(worker, known);
      for (const [key, one] of keyed(list)) {
        known.set(key, one);
        if (!wanted.has(key)) wanted.set(key, one);
      }
    }
    return [...wanted.keys()].map(key => {
      const parts = living.flatMap(worker => this.#known.get(worker)?.get(key) ?? []);
      const ended = this.#ended.get(key);
      return (ended ? [...parts, ended] : parts).reduce(addStatistics);
    });
  }

  /** A worker has ended: what it counted stays. */
  end(worker: number): void {
    for (const [key, one] of this.#known.get(worker) ?? []) {
      const before = this.#ended.get(key);
      this.#ended.set(key, before ? addStatistics(before, one) : one);
    }
    this.#known.delete(worker);
  }

  /** New versions of a model count from nothing. */
  forget(model: string): void {
    for (const all of [this.#ended, ...this.#known.values()])
      for (const [key, { name }] of all) if (name === model) all.delete(key);
  }
}
