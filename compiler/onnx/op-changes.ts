/**
 * Operators of ONNX's default set → the versions in which their meaning or signature changed. A node of an older version must not be used
 * as one of the newer. Made by `tests/oracles/onnx/op_changes.py` from the schemas of onnx 1.23.2 (opset 28); a test holds it to them.
 */
export const OP_CHANGES: Readonly<Record<string, readonly number[]>> = {
  BatchNormalization: [9, 14],
  Clip: [11],
  Constant: [11],
  DFT: [20],
  Dropout: [12],
  GridSample: [20],
  GroupNormalization: [21],
  Hardmax: [13],
  LogSoftmax: [13],
  Pad: [11],
  ReduceL1: [18],
  ReduceL2: [18],
  ReduceLogSum: [18],
  ReduceLogSumExp: [18],
  ReduceMax: [18],
  ReduceMean: [18],
  ReduceMin: [18],
  ReduceProd: [18],
  ReduceSum: [13],
  ReduceSumSquare: [18],
  Resize: [11],
  Scan: [9],
  Scatter: [11],
  Slice: [10],
  Softmax: [13],
  Split: [13, 18],
  Squeeze: [13],
  TopK: [10],
  Unsqueeze: [13],
  Upsample: [9, 10],
};

/** The version that changed an operator on the way from one opset to a later one. */
export const changeBetween = (op: string, from: number, to: number): number | undefined =>
  (Object.hasOwn(OP_CHANGES, op) ? OP_CHANGES[op]! : []).find(version => version > from && version <= to);
