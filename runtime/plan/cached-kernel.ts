/**
 * A kernel that answers each row by that row alone → one that computes only the rows it has not computed lately. What it keeps of a row is that row's
 * own copy of the columns; the cache belongs to the loaded plan, so a reload starts with none.
 */
import type { AnyStep, StepCache } from "../../triton-protos/plan.js";
import { rowKeys } from "./cache-keys.js";
import { joinRows, type KeptRow, splitRows } from "./kept-rows.js";
import type { Inputs, PrepareContext, PreparedKernel, RunModels } from "./kernel.js";
import type { StageTally } from "./stage-tally.js";
import { type Column, gather, rootRows } from "./table.js";

interface Kept {
  readonly until: number;
  readonly row: KeptRow;
}

export function cachedKernel(
  step: AnyStep,
  { ttlSeconds, maxRows, key }: StepCache,
  kernel: PreparedKernel,
  context: PrepareContext,
  tally: StageTally,
): PreparedKernel {
  // A Map remembers the order of insertion: what was used is put at its end, what stands first goes.
  const kept = new Map<string, Kept>();
  const model = "model" in step.params ? step.params.model : undefined;
  const makesRows = step.outputs.some(col => col.rows === step.id);
  let computedBy: object | undefined;
  /** The other model may have been loaded again: what it answered before is not what it answers now. */
  const stillTheSame = (models: RunModels): object | undefined => {
    const loaded = model === undefined ? undefined : models.loaded?.(model);
    if (loaded !== computedBy) kept.clear();
    computedBy = loaded;
    return loaded;
  };
  const find = (name: string, now: number): KeptRow | undefined => {
    const found = kept.get(name);
    if (!found) return undefined;
    kept.delete(name);
    if (found.until <= now) return undefined;
    kept.set(name, found);
    return found.row;
  };
  const keep = (name: string, row: KeptRow): void => {
    if (kept.size >= maxRows) kept.delete(kept.keys().next().value!);
    kept.set(name, { until: performance.now() + ttlSeconds * 1000, row });
  };
  const run: PreparedKernel["run"] = (inputs, runContext) => {
    const by = stillTheSame(runContext.models ?? context.models);
    const { rows } = inputs.input![0]!;
    const names = rowKeys(keyColumns(step, inputs, key), rows.count);
    const now = performance.now();
    const found = new Map<string, KeptRow>();
    const missing = new Map<string, number>();
    names.forEach((name, i) => {
      if (found.has(name) || missing.has(name)) return;
      const row = find(name, now);
      if (row) found.set(name, row);
      else missing.set(name, i);
    });
    tally.cacheHits += names.length - missing.size;
    tally.cacheMisses += missing.size;
    const answer = () =>
      joinRows(
        step.outputs,
        names.map(name => found.get(name)!),
        rows,
        makesRows,
      );
    if (missing.size === 0) return answer();
    const take = (made: readonly Column[]): readonly Column[] => {
      const computed = splitRows(made, missing.size, makesRows);
      let at = 0;
      for (const name of missing.keys()) {
        const row = computed[at++]!;
        found.set(name, row);
        // What was asked of the model before it was loaded again is answered, and not kept.
        if (by === computedBy) keep(name, row);
      }
      return answer();
    };
    const made = kernel.run(pickRows(inputs, Int32Array.from(missing.values())), runContext);
    return made instanceof Promise ? made.then(take) : take(made);
  };
  return {
    run,
    close: () => {
      kept.clear();
      return kernel.close?.();
    },
  };
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
