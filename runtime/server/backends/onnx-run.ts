/**
 * Runs a model: tensors by name → tensors by name.
 */
import type * as ort from "onnxruntime-node";
import type { Cancellation } from "../../base/cancellation.js";
import type { Graph } from "./onnx-graph.js";

export type Tensors = Readonly<Record<string, ort.Tensor>>;

/** The parts of an input that a run reads: a tensor, or an object with the same members. */
export type Feeds = Readonly<
  Record<
    string,
    { readonly type: string; readonly data: unknown; readonly dims: readonly number[]; readonly size: number }
  >
>;

export interface OnnxSession {
  readonly graph: Graph;
  /**
   * @param wanted names of outputs
   * @param signal ends a run in a process, and one that waits
   * @throws Error with ONNX Runtime's text, RuntimeFault
   */
  run(feeds: Tensors, wanted: readonly string[], signal?: Cancellation): Promise<Tensors>;
  /**
   * The same, synchronous; missing if the package's internals are not the expected ones.
   * @returns undefined if runs of this size are not known to be short
   */
  runSync?(feeds: Feeds, wanted: readonly string[]): Tensors | undefined;
  release(): Promise<void>;
}
