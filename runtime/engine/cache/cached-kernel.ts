/**
 * A kernel whose result for a row depends on that row alone → one that computes only rows that are not cached. Concurrent requests for a
 * row share one computation. A cached row is its own copy of the columns. The cache belongs to the loaded plan, so a reload starts with an
 * empty one.
 */
import type { AnyStep, StepCache } from "../../../contract/plan.js";
import { type Column, gather, rootRows } from "../../base/columns/table.js";
import type { Inputs, PrepareContext, PreparedKernel, RunContext, RunModels } from "../schedule/kernel.js";
import type { StageCounters } from "../schedule/stage-counters.js";
import { rowKeys } from "./cache-keys.js";
import { type CachedRow, joinRows, splitRows } from "./cached-rows.js";

/** Rows of a request by key, once they are computed. */
type Computing = Promise<ReadonlyMap<string, CachedRow>>;

interface Kept {
  readonly until: number;
  readonly row: CachedRow;
}

export const cachedKernel = (
  step: AnyStep,
  cache: StepCache,
  kernel: PreparedKernel,
  context: PrepareContext,
  counters: StageCounters,
): PreparedKernel => {
  const made = new CachedKernel(step, cache, kernel, context, counters);
  return { run: (inputs, runContext) => made.run(inputs, runContext), close: () => made.close() };
};

class CachedKernel {
  readonly #step: AnyStep;
  readonly #key: readonly string[] | undefined;
  readonly #kernel: PreparedKernel;
  readonly #context: PrepareContext;
  readonly #counters: StageCounters;
  readonly #cache: RowCache;
  readonly #makesRows: boolean;
  /** Rows that a request is computing, for which other requests wait. */
  readonly #inFlight = new Map<string, Computing>();
  /** The other model that computed the cached rows. */
  #computedBy: object | undefined;

  constructor(
    step: AnyStep,
    cache: StepCache,
    kernel: PreparedKernel,
    context: PrepareContext,
    counters: StageCounters,
  ) {
    this.#step = step;
    this.#key = cache.key;
    this.#kernel = kernel;
    this.#context = context;
    this.#counters = counters;
    this.#cache = new RowCache(cache, context.clock);
    this.#makesRows = step.outputs.some(col => col.rows === step.id);
  }

  run(inputs: Inputs, runContext: RunContext): ReturnType<PreparedKernel["run"]> {
    const by = this.#currentModel(runContext.models ?? this.#context.models);
    const { rows } = inputs.input![0]!;
    const names = rowKeys(keyColumns(this.#step, inputs, this.#key), rows.count);
    const now = this.#cache.now();
    const found = new Map<string, CachedRow>();
    const missing = new Map<string, number>();
    const shared = new Map<string, number>();
    names.forEach((name, i) => {
      if (found.has(name) || missing.has(name) || shared.has(name)) return;
      const row = this.#cache.find(name, now);
      if (row) found.set(name, row);
      else (this.#inFlight.has(name) ? shared : missing).set(name, i);
    });
    this.#counters.cacheHits += names.length - missing.size;
    this.#counters.cacheMisses += missing.size;
    const answer = (): readonly Column[] =>
      joinRows(
        this.#step.outputs,
        names.map(name => found.get(name)!),
        rows,
        this.#makesRows,
      );
    const others = new Map([...shared.keys()].map(name => [name, this.#inFlight.get(name)!]));
    const computing = missing.size > 0 ? this.#compute(missing, found, inputs, runContext, by) : undefined;
    if (others.size === 0) return computing ? computing.then(answer) : answer();
    const compute = (left: ReadonlyMap<string, number>) => this.#compute(left, found, inputs, runContext, by);
    return waitForOthers(others, found, shared, compute, computing).then(answer);
  }

  close(): ReturnType<NonNullable<PreparedKernel["close"]>> {
    this.#cache.clear();
    this.#inFlight.clear();
    return this.#kernel.close?.();
  }

  /** The other model may have been loaded again: what it answered before is not what it answers now. */
  #currentModel(models: RunModels): object | undefined {
    const { params } = this.#step;
    const loaded = "model" in params ? models.loaded?.(params.model) : undefined;
    if (loaded !== this.#computedBy) {
      this.#cache.clear();
      this.#inFlight.clear();
    }
    this.#computedBy = loaded;
    return loaded;
  }

  /** @returns nothing when the rows were there at once */
  #compute(
    missing: ReadonlyMap<string, number>,
    found: Map<string, CachedRow>,
    inputs: Inputs,
    runContext: RunContext,
    by: object | undefined,
  ): Computing | undefined {
    const take = (made: readonly Column[]): void => {
      const computed = splitRows(made, missing.size, this.#makesRows);
      let at = 0;
      for (const name of missing.keys()) {
        const row = computed[at++]!;
        found.set(name, row);
        // A result of a model that was reloaded meanwhile is returned, and not cached.
        if (by === this.#computedBy) this.#cache.keep(name, row);
      }
    };
    const made = this.#kernel.run(pickRows(inputs, Int32Array.from(missing.values())), runContext);
    if (!(made instanceof Promise)) {
      take(made);
      return undefined;
    }
    const computing: Computing = made.then(take).then(() => found);
    const inFlight = this.#inFlight;
    for (const name of missing.keys()) inFlight.set(name, computing);
    const end = (): void => {
      for (const name of missing.keys()) if (inFlight.get(name) === computing) inFlight.delete(name);
    };
    computing.then(end, end);
    return computing;
  }
}

/** Rows that were computed lately. A map keeps the order of insertion: a used entry moves to the end, the first one is evicted. */
class RowCache {
  /** The machine's clock may be set; a test's is what the test says. */
  readonly now: () => number;
  readonly #rows = new Map<string, Kept>();
  readonly #ttlMs: number;
  readonly #most: number;

  constructor({ ttlSeconds, maxRows }: StepCache, clock: PrepareContext["clock"]) {
    this.now = clock ? () => clock.now() : () => performance.now();
    this.#ttlMs = ttlSeconds * 1000;
    this.#most = maxRows;
  }

  find(name: string, now: number): CachedRow | undefined {
    const found = this.#rows.get(name);
    if (!found) return undefined;
    this.#rows.delete(name);
    if (found.until <= now) return undefined;
    this.#rows.set(name, found);
    return found.row;
  }

  keep(name: string, row: CachedRow): void {
    if (this.#rows.size >= this.#most) this.#rows.delete(this.#rows.keys().next().value!);
    this.#rows.set(name, { until: this.now() + this.#ttlMs, row });
  }

  clear(): void {
    this.#rows.clear();
  }
}

/** Rows of other requests; those that these failed to compute, since a client left or for a fault of their own, are computed after all. */
async function waitForOthers(
  others: ReadonlyMap<string, Computing>,
  found: Map<string, CachedRow>,
  shared: Map<string, number>,
  compute: (left: ReadonlyMap<string, number>) => Computing | undefined,
  computing: Computing | undefined,
): Promise<void> {
  await computing;
  for (const [name, other] of others) {
    const row = await other.then(
      made => made.get(name),
      () => undefined,
    );
    if (!row) continue;
    found.set(name, row);
    shared.delete(name);
  }
  if (shared.size > 0) await compute(shared);
}

function keyColumns(step: AnyStep, inputs: Inputs, key: readonly string[] | undefined): readonly Column[] {
  return Object.entries(step.inputs).flatMap(([port, refs]) =>
    refs.flatMap((ref, i) => (key === undefined || key.includes(ref.name) ? inputs[port]![i]! : [])),
  );
}

function pickRows(inputs: Inputs, indices: Int32Array): Inputs {
  const rows = rootRows(indices.length);
  return Object.fromEntries(
    Object.entries(inputs).map(([port, columns]) => [port, columns.map(col => gather(col, indices, rows))]),
  );
}
