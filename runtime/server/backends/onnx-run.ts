/**
 * What runs a model: tensors by name -> tensors by name.
 */
import type * as ort from "onnxruntime-node";
import type { Graph } from "./onnx-graph.js";

export type Tensors = Readonly<Record<string, ort.Tensor>>;

/** What a run reads of its inputs: tensors, or what has as much of one. */
export type Feeds = Readonly<
  Record<
    string,
    { readonly type: string; readonly data: unknown; readonly dims: readonly number[]; readonly size: number }
  >
>;

export interface OnnxSession {
  readonly graph: Graph;
  /** @param wanted names of outputs @throws Error with ONNX Runtime's text */
  run(feeds: Tensors, wanted: readonly string[]): Promise<Tensors>;
  /**
   * The same, now; missing where the package's inside is not as it was.
   * @returns undefined where runs of this size are not known to be short
   */
  runNow?(feeds: Feeds, wanted: readonly string[]): Tensors | undefined;
  release(): Promise<void>;
}
