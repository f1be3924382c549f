/**
 * The parts of a graph from other models and files: their nodes' versions, operator sets, constants and files beside the graph.
 */
import { basename } from "node:path";
import type { OnnxRaw } from "../../formats/onnx/onnx-model.js";

/** A node of another model, and the values that it reads and makes. */
export interface ForeignNode extends OnnxRaw {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Nodes and constants of another model, renamed. */
export interface Foreign {
  readonly nodes: readonly ForeignNode[];
  readonly constants: readonly { readonly name: string; readonly raw: OnnxRaw }[];
}

export interface ForeignParts {
  /** A foreign node is of this version of its operator. @param from the file that contains it */
  needVersionOf(op: string, version: number, from: string): void;
  /** A foreign node whose operator means something else in the opset. */
  changedNode(opset: number): { readonly op: string; readonly from: string; readonly version: number } | undefined;
  /** Another operator set. @returns its version, where another one was taken before */
  importDomain(domain: string, version: number): number | undefined;
  /** Constants of other files by their content. */
  readonly shared: Map<string, string>;
  /** A file that must be beside the graph. @returns its name there */
  takeFile(path: string): string;
  /** By the name beside the graph. */
  readonly files: ReadonlyMap<string, string>;
}

/** @param domains versions by operator set; filled as they are imported */
export function foreignParts(domains: Map<string, number>): ForeignParts {
  const nodes: { op: string; version: number; from: string }[] = [];
  const files = new Map<string, string>();
  return {
    needVersionOf: (op, version, from) => {
      nodes.push({ op, version, from });
    },
    changedNode: opset => nodes.find(node => changeBetween(node.op, node.version, opset) !== undefined),
    importDomain: (domain, version) => {
      const known = domains.get(domain);
      if (known !== undefined && known !== version) return known;
      domains.set(domain, version);
      return undefined;
    },
    shared: new Map(),
    takeFile: path => {
      const known = [...files].find(([, from]) => from === path);
      if (known) return known[0];
      let name = basename(path);
      for (let n = 2; files.has(name); n++) name = `${n}-${basename(path)}`;
      files.set(name, path);
      return name;
    },
    files,
  };
}

/**
 * Operators of ONNX's default set → the versions in which their meaning or signature changed. A node of an older version must not be used
 * as one of the newer. Made by `tests/oracles/onnx/op_changes.py` from the schemas of onnx 1.23.2 (opset 28); a test holds it to them.
 */
const OP_CHANGES: Readonly<Record<string, readonly number[]>> = {
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
const changeBetween = (op: string, from: number, to: number): number | undefined =>
  (Object.hasOwn(OP_CHANGES, op) ? OP_CHANGES[op]! : []).find(version => version > from && version <= to);
