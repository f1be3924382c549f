/**
 * A kernel that answers each row by that row alone → one that computes only the rows it has not computed lately; requests that ask for a row at the same time
 * compute it once. What it keeps of a row is that row's own copy of the columns; the cache belongs to the loaded plan, so a reload starts with none.
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

export function cachedKernel(
  step: AnyStep,
  { ttlSeconds, maxRows, key }: StepCache,
  kernel: PreparedKernel,
  context: PrepareContext,
  counters: StageCounters,
): PreparedKernel {
  // A Map keeps the order of insertion: a used entry moves to the end, the first one is evicted.
  const kept = new Map<string, Kept>();
  const model = "model" in step.params ? step.params.model : undefined;
  const makesRows = step.outputs.some(col => col.rows === step.id);
  const { clock } = context;
  // The machine's clock may be set; a test's is what the test says.
  const timeOf = clock ? () => clock.now() : () => performance.now();
  let computedBy: object | undefined;
  /** The other model may have been loaded again: what it answered before is not what it answers now. */
  const stillTheSame = (models: RunModels): object | undefined => {
    const loaded = model === undefined ? undefined : models.loaded?.(model);
    if (loaded !== computedBy) {
      kept.clear();
      underWay.clear();
    }
    computedBy = loaded;
    return loaded;
  };
  const find = (name: string, now: number): CachedRow | undefined => {
    const found = kept.get(name);
    if (!found) return undefined;
    kept.delete(name);
    if (found.until <= now) return undefined;
    kept.set(name, found);
    return found.row;
  };
  const keep = (name: string, row: CachedRow): void => {
    if (kept.size >= maxRows) kept.delete(kept.keys().next().value!);
    kept.set(name, { until: timeOf() + ttlSeconds * 1000, row });
  };
  /** Rows that a request is computing, for which other requests wait. */
  const underWay = new Map<string, Computing>();
  /** @returns nothing when the rows were there at once */
  const compute = (
    missing: ReadonlyMap<string, number>,
    found: Map<string, CachedRow>,
    inputs: Inputs,
    runContext: RunContext,
    by: object | undefined,
  ): Computing | undefined => {
    const take = (made: readonly Column[]): void => {
      const computed = splitRows(made, missing.size, makesRows);
      let at = 0;
      for (const name of missing.keys()) {
        const row = computed[at++]!;
        found.set(name, row);
        // A result of a model that was reloaded meanwhile is returned, and not cached.
        if (by === computedBy) keep(name, row);
      }
    };
    const made = kernel.run(pickRows(inputs, Int32Array.from(missing.values())), runContext);
    if (!(made instanceof Promise)) {
      take(made);
      return undefined;
    }
    const computing: Computing = made.then(take).then(() => found);
    for (const name of missing.keys()) underWay.set(name, computing);
    const end = (): void => {
      for (const name of missing.keys()) if (underWay.get(name) === computing) underWay.delete(name);
    };
    computing.then(end, end);
    return computing;
  };
  const run: PreparedKernel["run"] = (inputs, runContext) => {
    const by = stillTheSame(runContext.models ?? context.models);
    const { rows } = inputs.input![0]!;
    const names = rowKeys(keyColumns(step, inputs, key), rows.count);
    const now = timeOf();
    const found = new Map<string, CachedRow>();
    const missing = new Map<string, number>();
    const shared = new Map<string, number>();
    names.forEach((name, i) => {
      if (found.has(name) || missing.has(name) || shared.has(name)) return;
      const row = find(name, now);
      if (row) found.set(name, row);
      else (underWay.has(name) ? shared : missing).set(name, i);
    });
    counters.cacheHits += names.length - missing.size;
    counters.cacheMisses += missing.size;
    const answer = (): readonly Column[] =>
      joinRows(
        step.outputs,
        names.map(name => found.get(name)!),
        rows,
        makesRows,
      );
    const others = new Map([...shared.keys()].map(name => [name, underWay.get(name)!]));
    const computing = missing.size > 0 ? compute(missing, found, inputs, runContext, by) : undefined;
    if (others.size === 0) return computing ? computing.then(answer) : answer();
    return waitForOthers(others, found, shared, left => compute(left, found, inputs, runContext, by), computing).then(
      answer,
    );
  };
  return {
    run,
    close: () => {
      kept.clear();
      underWay.clear();
      return kernel.close?.();
    },
  };
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
