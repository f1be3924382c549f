/**
 * A Triton release → the versions that its ONNX Runtime supports. The opset is the newest that the runtime has kernels for; a graph declares a lower one if it can.
 */
import { TRITON_CONTAINERS } from "../../contract/triton-releases.js";

export interface TritonRelease {
  readonly release: string;
  readonly onnxruntime: string;
  readonly opset: number;
  /** Version of ai.onnx.ml. */
  readonly ml: number;
  readonly ir: number;
}

/** Measured by `tests/oracles/onnx/runtime_limits.py`. ONNX Runtime 1.15 accepts opset 19 without kernels for `Identity`, `Cast` or `Equal` of texts. */
export const ONNX_RUNTIMES: ReadonlyMap<string, Pick<TritonRelease, "opset" | "ml" | "ir">> = new Map([
  ["1.15", { opset: 18, ml: 3, ir: 9 }],
  ["1.16", { opset: 19, ml: 3, ir: 9 }],
  ["1.17", { opset: 20, ml: 4, ir: 9 }],
  ["1.18", { opset: 21, ml: 5, ir: 10 }],
  ["1.19", { opset: 21, ml: 5, ir: 10 }],
  ["1.20", { opset: 21, ml: 5, ir: 10 }],
  ["1.21", { opset: 22, ml: 5, ir: 10 }],
  ["1.22", { opset: 22, ml: 5, ir: 10 }],
  ["1.23", { opset: 23, ml: 5, ir: 11 }],
  ["1.24", { opset: 25, ml: 5, ir: 13 }],
  ["1.27", { opset: 26, ml: 5, ir: 13 }],
  ["1.28", { opset: 26, ml: 5, ir: 13 }],
]);

/** `1.28.0` → `1.28`. */
const minorOf = (version: string): string => version.split(".", 2).join(".");

export const TRITON_RELEASES: readonly TritonRelease[] = TRITON_CONTAINERS.map(({ release, onnxruntime }) => ({
  release,
  onnxruntime: minorOf(onnxruntime),
  ...ONNX_RUNTIMES.get(minorOf(onnxruntime))!,
}));

/** A year old when the newest of the table was released. Graphs are the same for older ones unless they inline a model of a newer opset. */
export const TRITON_DEFAULT = "25.08";
