/**
 * A Triton release → the versions that its ONNX Runtime supports. The opset is the newest that the runtime implements fully; a graph declares a lower one if it can.
 */
export interface TritonRelease {
  readonly release: string;
  readonly onnxruntime: string;
  readonly opset: number;
  /** Version of ai.onnx.ml. */
  readonly ml: number;
  readonly ir: number;
}

export const TRITON_RELEASES = [
  { release: "23.06", onnxruntime: "1.15", opset: 19, ml: 3, ir: 8 },
  { release: "24.01", onnxruntime: "1.16", opset: 19, ml: 3, ir: 9 },
  { release: "24.04", onnxruntime: "1.17", opset: 20, ml: 4, ir: 9 },
  { release: "24.06", onnxruntime: "1.18", opset: 21, ml: 4, ir: 10 },
  { release: "24.09", onnxruntime: "1.19", opset: 21, ml: 5, ir: 10 },
  { release: "25.01", onnxruntime: "1.20", opset: 21, ml: 5, ir: 10 },
  { release: "25.05", onnxruntime: "1.21", opset: 22, ml: 5, ir: 10 },
] as const satisfies readonly TritonRelease[];

export const TRITON_DEFAULT = "24.01";
