/**
 * The parts of a graph from other models and files: their nodes' versions, operator sets, constants and files beside the graph.
 */
import { basename } from "node:path";
import type { OnnxRaw } from "../../formats/onnx/onnx-model.js";
import { changeBetween } from "./op-changes.js";

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
