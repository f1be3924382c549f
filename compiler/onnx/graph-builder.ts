/**
 * Writes an ONNX graph node by node: values have dtypes, names are unique, equal constants and equal nodes are written once.
 */
import type { OnnxConstant, OnnxModel, OnnxNode, OnnxValue } from "../../formats/onnx/onnx-model.js";
import type { DType } from "../../triton-protos/datatype.js";
import { type Foreign, type ForeignNode, type ForeignParts, foreignParts } from "./foreign-parts.js";
import { type Attributes, type NodeOptions, nodeWriter, type Value } from "./node-writer.js";

export type { Attributes, Foreign, ForeignNode, NodeOptions, Value };

export interface GraphBuilder extends ForeignParts {
  input(name: string, dtype: DType, shape: OnnxValue["shape"]): Value;
  /** Answers a value under a name of its own. */
  output(name: string, value: Value, shape: OnnxValue["shape"]): void;
  /** Keeps a name for an output. */
  reserve(name: string): void;
  /** Passes an input of that name through; does nothing if there is none. */
  pass(name: string): void;
  /** A node with one output. An input may be left out. */
  op(op: string, inputs: readonly (Value | undefined)[], dtype: DType, options?: NodeOptions): Value;
  /** A node with several outputs. */
  ops(op: string, inputs: readonly (Value | undefined)[], dtypes: readonly DType[], options?: NodeOptions): Value[];
  constant(dtype: DType, shape: readonly number[], values: OnnxConstant["values"]): Value;
  /** Prefix of names that are written meanwhile. */
  within<T>(scope: string, work: () => T): T;
  /** A name that no value has. */
  fresh(stem: string): string;
  /** A name that no node has. */
  freshNode(stem: string): string;
  /** An operator of this version is used. @param why names it for messages */
  needOpset(version: number, why: string): void;
  addForeign(foreign: Foreign): void;
  /** The least opset of the written nodes, and the reason. */
  readonly opset: { readonly version: number; readonly why: string };
  finish(name: string, options: { readonly ir: number; readonly opset: number; readonly ml: number }): OnnxModel;
}

/** 18 is the first with `BitwiseXor` and reductions over axes that are inputs. */
export const LEAST_OPSET = 18;

export function graphBuilder(): GraphBuilder {
  const rawConstants: Foreign["constants"][number][] = [];
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const names = new Set<string>();
  const nodeNames = new Set<string>();
  const reserved = new Set<string>();
  const domains = new Map<string, number>();
  let scope = "";
  let opset = { version: LEAST_OPSET, why: "bit operations" };

  const fresh = (stem: string): string => freeName(names, stem, "_");
  const freshNode = (stem: string): string => freeName(nodeNames, stem, " ");
  const take = (name: string): string => {
    if (names.has(name)) throw new Error(`the graph has two values called \`${name}\`.`);
    names.add(name);
    return name;
  };
  const writer = nodeWriter({ value: stem => fresh(`${scope}${stem}`), node: freshNode });
  const { nodes, ops, constant } = writer;
  return {
    ...foreignParts(domains),
    input: (name, dtype, shape) => {
      inputs.push({ name: take(name), dtype, shape });
      return { name, dtype };
    },
    reserve: name => {
      take(name);
      reserved.add(name);
    },
    pass: name => {
      const given = inputs.find(input => input.name === name);
      if (given) outputs.push(given);
    },
    output: (name, value, shape) => {
      if (reserved.delete(name)) names.delete(name);
      nodes.push({ name: `${name} out`, op: "Identity", inputs: [value.name], outputs: [take(name)] });
      outputs.push({ name, dtype: value.dtype, shape });
    },
    op: (op, given, dtype, options) => ops(op, given, [dtype], options)[0]!,
    ops,
    constant,
    within: (name, work) => {
      const outer = scope;
      scope = `${outer}${name}/`;
      try {
        return work();
      } finally {
        scope = outer;
      }
    },
    fresh,
    freshNode,
    needOpset: (version, why) => {
      if (version > opset.version) opset = { version, why };
    },
    addForeign: given => {
      nodes.push(...given.nodes);
      rawConstants.push(...given.constants);
    },
    get opset() {
      return opset;
    },
    finish: (name, { ir, opset: version, ml }) => {
      const live = liveNodes(nodes, outputs, writer.isCheck);
      const read = new Set(live.flatMap(node => node.inputs));
      return {
        name,
        irVersion: ir,
        opsets: { "": version, ...(writer.usesMl && { "ai.onnx.ml": ml }), ...Object.fromEntries(domains) },
        inputs,
        outputs,
        nodes: live,
        constants: Object.fromEntries(Object.entries(writer.constants).filter(([constant]) => read.has(constant))),
        rawConstants: rawConstants.filter(constant => read.has(constant.name)).map(({ raw }) => raw),
      };
    },
  };
}

/** The stem, or the stem with the first number that makes it new, which is taken from then on. */
function freeName(taken: Set<string>, stem: string, separator: string): string {
  let name = stem;
  for (let n = 2; taken.has(name); n++) name = `${stem}${separator}${n}`;
  taken.add(name);
  return name;
}

/** Nodes that an answer or a check depends on, in their order. */
function liveNodes(
  nodes: readonly (ForeignNode | OnnxNode)[],
  answers: readonly OnnxValue[],
  isCheck: (node: ForeignNode | OnnxNode) => boolean,
): (ForeignNode | OnnxNode)[] {
  const read = new Set(answers.map(answer => answer.name));
  const live: (ForeignNode | OnnxNode)[] = [];
  for (const node of nodes.toReversed()) {
    if (!isCheck(node) && !node.outputs.some(name => read.has(name))) continue;
    live.push(node);
    for (const name of node.inputs) read.add(name);
  }
  return live.reverse();
}
