/**
 * An ensemble's configuration → its steps as a data-flow graph: which tensors each step takes and makes, and which decoupled step it hangs on.
 */
import type { ModelConfig } from "../../../../triton-protos/model-config.js";

export interface EnsembleStep {
  readonly index: number;
  readonly model: string;
  readonly version: number | bigint;
  /** The repository of the member, where names may repeat. */
  readonly namespace: string;
  /** Input of the member → tensor of the ensemble. */
  readonly inputs: readonly (readonly [input: string, tensor: string])[];
  /** Output of the member → tensor of the ensemble. */
  readonly outputs: readonly (readonly [output: string, tensor: string])[];
  readonly outputNames: readonly string[];
  readonly decoupled: boolean;
  /** The decoupled step for each of whose answers this one runs; -1 for one that runs once per request. */
  readonly origin: number;
}

export interface EnsembleGraph {
  readonly steps: readonly EnsembleStep[];
  /** Tensor → the step that makes it; the ensemble's inputs have none. */
  readonly producer: ReadonlyMap<string, number>;
  /** Tensor → steps that take it. */
  readonly consumers: ReadonlyMap<string, readonly number[]>;
  readonly decoupled: boolean;
}

/** @param isDecoupled whether a member may answer any number of times */
export function ensembleGraph(
  config: ModelConfig,
  isDecoupled: (model: string, version: number | bigint, namespace: string) => boolean,
): EnsembleGraph {
  const producer = new Map<string, number>();
  const consumers = new Map<string, number[]>();
  const written = config.ensemble_scheduling!.step;
  written.forEach((step, i) => {
    for (const tensor of Object.values(step.output_map)) producer.set(tensor, i);
    for (const tensor of new Set(Object.values(step.input_map)))
      consumers.set(tensor, [...(consumers.get(tensor) ?? []), i]);
  });
  const origins = new Map<number, number>();
  /** Whether `outer` is among the decoupled steps that `inner` hangs on. */
  const hangsOn = (inner: number, outer: number): boolean => {
    for (let at = inner; at !== -1; at = originOf(at)) if (at === outer) return true;
    return false;
  };
  const originOf = (index: number): number => {
    const known = origins.get(index);
    if (known !== undefined) return known;
    origins.set(index, -1);
    let origin = -1;
    for (const tensor of Object.values(written[index]!.input_map)) {
      const from = producer.get(tensor);
      if (from === undefined) continue;
      const step = written[from]!;
      const candidate = isDecoupled(step.model_name, step.model_version, step.model_namespace) ? from : originOf(from);
      if (candidate === -1 || origin === candidate) continue;
      // A chain of decoupled steps: the innermost one is the one that counts.
      if (origin === -1 || hangsOn(candidate, origin)) origin = candidate;
    }
    origins.set(index, origin);
    return origin;
  };
  const steps = written.map(
    (step, index): EnsembleStep => ({
      index,
      model: step.model_name,
      version: step.model_version,
      namespace: step.model_namespace,
      inputs: Object.entries(step.input_map),
      outputs: Object.entries(step.output_map),
      outputNames: Object.keys(step.output_map),
      decoupled: isDecoupled(step.model_name, step.model_version, step.model_namespace),
      origin: originOf(index),
    }),
  );
  return { steps, producer, consumers, decoupled: steps.some(step => step.decoupled) };
}

/**
 * Steps that must run for the requested outputs, pruned as Triton does. It walks backwards from the other outputs, even if an output also
 * feeds a step. A request for an early output only can therefore find nothing to run.
 */
export function neededSteps(
  { steps, producer, consumers }: EnsembleGraph,
  outputs: readonly string[],
  wanted: ReadonlySet<string>,
): ReadonlySet<number> {
  const needed = new Set(steps.map(step => step.index));
  let ignored = outputs.filter(name => !wanted.has(name));
  const left = new Map(steps.map(step => [step.index, step.outputs.length]));
  const open = new Map([...consumers].map(([tensor, list]) => [tensor, new Set(list)]));
  while (ignored.length > 0) {
    const next = new Set<string>();
    for (const tensor of ignored) {
      const from = producer.get(tensor);
      if (from === undefined) continue;
      const count = left.get(from)! - 1;
      left.set(from, count);
      if (count !== 0) continue;
      needed.delete(from);
      for (const [, input] of steps[from]!.inputs) {
        const takers = open.get(input);
        takers?.delete(from);
        if (takers?.size === 0) next.add(input);
      }
    }
    ignored = [...next];
  }
  return needed;
}
