/**
 * A request's choice of outputs → the steps that must run for it, and where its answers leave.
 */
import type { ModelConfig, ModelOutput } from "../../../../triton-protos/model-config.js";
import { type EnsembleGraph, neededSteps } from "./graph.js";

/** The effect of a choice of outputs on a run. */
export interface Wish {
  /** In the order of the answer. */
  readonly outputs: readonly ModelOutput[];
  /** Steps that must run; all where it is left out. */
  readonly needed?: ReadonlySet<number>;
  /** Responses are sent from the innermost scope of an output. */
  readonly leaf: number;
}

/** @param names the requested outputs */
export function readWish({ output: declared }: ModelConfig, graph: EnsembleGraph, names: ReadonlySet<string>): Wish {
  const wanted = declared.filter(({ name }) => names.has(name));
  const leaf = wanted.reduce((origin, { name }) => {
    const from = graph.producer.get(name);
    const step = from === undefined ? undefined : graph.steps[from];
    if (!step) return origin;
    const own = step.decoupled ? step.index : step.origin;
    return own === -1 ? origin : own;
  }, -1);
  return {
    // The wire has ensembles' outputs in the order of a hash map: the last one first.
    outputs: wanted.toReversed(),
    leaf,
    ...(wanted.length < declared.length && {
      needed: neededSteps(
        graph,
        declared.map(({ name }) => name),
        names,
      ),
    }),
  };
}
