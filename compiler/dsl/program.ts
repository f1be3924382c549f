/**
 * The export of an ensemble or workflow file: a name, the node whose columns are the outputs, and its serving options.
 */
import type { AnyNode, Node } from "./node.js";
import type { EnsembleOptions } from "./serving.js";

/** A serving graph. `C` is the union of the columns it answers with, `N` its name, `A` the columns that a request brings. */
export interface Ensemble<C extends string = string, N extends string = string, A extends string = string> {
  readonly kind: "ensemble";
  readonly name: N;
  readonly output: Node<C, A>;
  readonly options: EnsembleOptions;
}

/** A feature-engineering graph: fitted by `merlon fit`, used by `transformWorkflow`. */
export interface Workflow<C extends string = string> {
  readonly kind: "workflow";
  readonly name: string;
  readonly output: Node<C>;
  readonly options: Readonly<Record<never, never>>;
}

export type Program = (Omit<Ensemble, "output"> | Omit<Workflow, "output">) & { readonly output: AnyNode };

/**
 * Names a serving graph. The name is the Triton model's name.
 * @param output the node whose columns are answered
 * @example export default ensemble("recommend", ordering);
 * @example export default ensemble("recommend", ordering, { maxBatchSize: 64, dynamicBatching: { maxQueueDelayMicroseconds: 500 } });
 * @example export default ensemble("recommend", ordering, { log: { columns: [request["user_id"], pairs["item_price"]], personal: { user_id: "hash" } } });
 */
export const ensemble = <C extends string, const N extends string, A extends string, L extends AnyNode = AnyNode>(
  name: N,
  output: Node<C, A>,
  options: EnsembleOptions<L> = {},
): Ensemble<C, N, A> => ({ kind: "ensemble", name, output, options });

/**
 * Names a feature-engineering graph.
 * @param output the node whose columns are the features
 * @example export default workflow("ranking", ids + price);
 */
export const workflow = <C extends string>(name: string, output: Node<C>): Workflow<C> => ({
  kind: "workflow",
  name,
  output,
  options: {},
});
