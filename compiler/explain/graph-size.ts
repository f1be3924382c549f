/** An ONNX file → how many nodes it has, and how many products its matrices make for one row. */
import { readSafeInt, readSpan, spanBytes } from "../../formats/bytes/wire.js";
import { eachField, readModelParts } from "../onnx/read-model.js";

export interface GraphSize {
  readonly nodes: number;
  /** Multiply-adds for one row. */
  readonly products: number;
}

export function readGraphSize(bytes: Uint8Array): GraphSize {
  const { nodes, constants } = readModelParts(bytes);
  const sizes = new Map(constants.map(({ name, bytes: tensor }) => [name, elements(tensor)]));
  let products = 0;
  for (const { op, inputs } of nodes)
    if (op === "Gemm" || op === "MatMul")
      products += Math.max(0, ...inputs.slice(0, 2).map(name => sizes.get(name) ?? 0));
  return { nodes: nodes.length, products };
}

/** TensorProto: dims 1, packed or not. */
function elements(tensor: Uint8Array): number {
  let count = 1;
  eachField(tensor, (number, at, start) => {
    if (number !== 1) return false;
    const packed = (tensor[start]! & 7) === 2;
    if (!packed) count *= readSafeInt(at);
    else
      eachPacked(spanBytes(readSpan(at)), n => {
        count *= n;
      });
    return true;
  });
  return count;
}

function eachPacked(bytes: Uint8Array, visit: (n: number) => void): void {
  let [value, shift] = [0, 0];
  for (const byte of bytes) {
    value += (byte & 0x7f) * 2 ** shift;
    shift += 7;
    if (byte >= 0x80) continue;
    visit(value);
    [value, shift] = [0, 0];
  }
}
