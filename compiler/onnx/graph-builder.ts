/**
 * Writes an ONNX graph node by node: values have dtypes, names are unique, equal constants and equal nodes are written once.
 */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import {
  constantBytes,
  type OnnxAttribute,
  type OnnxConstant,
  type OnnxModel,
  type OnnxNode,
  type OnnxRaw,
  type OnnxValue,
} from "../../formats/onnx/onnx-model.js";
import type { DType } from "../../triton-protos/datatype.js";
import { changeBetween } from "./op-changes.js";

/** A tensor of the graph. */
export interface Value {
  readonly name: string;
  readonly dtype: DType;
}

export type Attributes = Readonly<Record<string, OnnxAttribute>>;

export interface NodeOptions {
  readonly attributes?: Attributes;
  readonly domain?: "" | "ai.onnx.ml";
  /** What ONNX Runtime calls the node in its faults. */
  readonly name?: string;
  /** Each node is one of its own: it draws random numbers. */
  readonly unique?: boolean;
}

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

export interface GraphBuilder {
  input(name: string, dtype: DType, shape: OnnxValue["shape"]): Value;
  /** Answers a value under a name of its own. */
  output(name: string, value: Value, shape: OnnxValue["shape"]): void;
  /** Keeps a name for an output. */
  reserve(name: string): void;
  /** Answers an input of that name as it came; does nothing where there is none. */
  pass(name: string): void;
  /** A node with one output. An input may be left out. */
  op(op: string, inputs: readonly (Value | undefined)[], dtype: DType, options?: NodeOptions): Value;
  /** A node with several outputs. */
  ops(op: string, inputs: readonly (Value | undefined)[], dtypes: readonly DType[], options?: NodeOptions): Value[];
  constant(dtype: DType, shape: readonly number[], values: OnnxConstant["values"]): Value;
  /** Names of what is written meanwhile begin with this. */
  within<T>(scope: string, work: () => T): T;
  /** A name that no value has. */
  fresh(stem: string): string;
  /** A name that no node has. */
  freshNode(stem: string): string;
  /** An operator of this version is used. @param why names it for messages */
  needOpset(version: number, why: string): void;
  addForeign(foreign: Foreign): void;
  /** A foreign node is of this version of its operator. @param from the file it came out of */
  needVersionOf(op: string, version: number, from: string): void;
  /** Another operator set. @returns its version, where another one was taken before */
  importDomain(domain: string, version: number): number | undefined;
  /** Constants of other files by their content. */
  readonly shared: Map<string, string>;
  /** A file that has to stand beside the graph. @returns what it is called there */
  takeFile(path: string): string;
  /** By the name beside the graph. */
  readonly files: ReadonlyMap<string, string>;
  /** A foreign node whose operator means something else in the opset. */
  changedNode(opset: number): { readonly op: string; readonly from: string; readonly version: number } | undefined;
  /** The least opset of what was written, and why. */
  readonly opset: { readonly version: number; readonly why: string };
  finish(name: string, options: { readonly ir: number; readonly opset: number; readonly ml: number }): OnnxModel;
}

/** 18 is the first with `BitwiseXor` and reductions over axes that are inputs. */
export const LEAST_OPSET = 18;

export function graphBuilder(): GraphBuilder {
  const nodes: (OnnxNode | ForeignNode)[] = [];
  /** Nodes that end a request: they stay, whoever reads them. */
  const checks = new Set<OnnxNode>();
  const constants: Record<string, OnnxConstant> = {};
  const rawConstants: Foreign["constants"][number][] = [];
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const names = new Set<string>();
  const reserved = new Set<string>();
  const known = new Map<string, Value[]>();
  const tables = new Map<string, Value>();
  const foreign: { op: string; version: number; from: string }[] = [];
  const domains = new Map<string, number>();
  const shared = new Map<string, string>();
  const files = new Map<string, string>();
  let scope = "";
  let usesMl = false;
  let opset = { version: LEAST_OPSET, why: "bit operations" };

  const fresh = (stem: string): string => {
    let name = stem;
    for (let n = 2; names.has(name); n++) name = `${stem}_${n}`;
    names.add(name);
    return name;
  };
  const nodeNames = new Set<string>();
  const freshNode = (stem: string): string => {
    let name = stem;
    for (let n = 2; nodeNames.has(name); n++) name = `${stem} ${n}`;
    nodeNames.add(name);
    return name;
  };
  const take = (name: string): string => {
    if (names.has(name)) throw new Error(`the graph has two values called \`${name}\`.`);
    names.add(name);
    return name;
  };
  const ops: GraphBuilder["ops"] = (op, given, dtypes, { attributes, domain = "", name, unique = false } = {}) => {
    const read = given.map(value => value?.name ?? "");
    const key =
      unique || name !== undefined
        ? undefined
        : `${domain}\n${op}\n${read.join("\n")}\n${attributeKey(attributes)}\n${dtypes}`;
    const same = key === undefined ? undefined : known.get(key);
    if (same) return same;
    if (domain === "ai.onnx.ml") usesMl = true;
    const made = dtypes.map((dtype): Value => ({ name: fresh(`${scope}${op}`), dtype }));
    const node: OnnxNode = {
      name: freshNode(name ?? made[0]!.name),
      op,
      domain,
      inputs: read,
      outputs: made.map(value => value.name),
      ...(attributes && { attributes }),
    };
    nodes.push(node);
    if (name !== undefined) checks.add(node);
    if (key !== undefined) known.set(key, made);
    return made;
  };
  return {
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
    constant: (dtype, shape, values) => {
      const key = constantKey(dtype, shape, values);
      const same = tables.get(key);
      if (same) return same;
      const value = { name: fresh(`${scope}constant`), dtype };
      constants[value.name] = { dtype, shape, values };
      tables.set(key, value);
      return value;
    },
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
    needVersionOf: (op, version, from) => {
      foreign.push({ op, version, from });
    },
    importDomain: (domain, version) => {
      const known = domains.get(domain);
      if (known !== undefined && known !== version) return known;
      domains.set(domain, version);
      return undefined;
    },
    shared,
    takeFile: path => {
      const known = [...files].find(([, from]) => from === path);
      if (known) return known[0];
      let name = basename(path);
      for (let n = 2; files.has(name); n++) name = `${n}-${basename(path)}`;
      files.set(name, path);
      return name;
    },
    files,
    changedNode: version => {
      const changed = foreign.find(node => changeBetween(node.op, node.version, version) !== undefined);
      return changed && { op: changed.op, from: changed.from, version: changed.version };
    },
    get opset() {
      return opset;
    },
    finish: (name, { ir, opset: version, ml }) => {
      const live = liveNodes(
        nodes,
        outputs.map(output => output.name),
        node => checks.has(node as OnnxNode),
      );
      const read = new Set(live.flatMap(node => node.inputs));
      return {
        name,
        irVersion: ir,
        opsets: { "": version, ...(usesMl && { "ai.onnx.ml": ml }), ...Object.fromEntries(domains) },
        inputs,
        outputs,
        nodes: live,
        constants: Object.fromEntries(Object.entries(constants).filter(([constant]) => read.has(constant))),
        rawConstants: rawConstants.filter(constant => read.has(constant.name)).map(({ raw }) => raw),
      };
    },
  };
}

/** Nodes that an answer or a check depends on, in their order. */
function liveNodes<N extends ForeignNode | OnnxNode>(
  nodes: readonly N[],
  answers: readonly string[],
  isCheck: (node: N) => boolean,
): N[] {
  const read = new Set(answers);
  const live: N[] = [];
  for (const node of nodes.toReversed()) {
    if (!isCheck(node) && !node.outputs.some(name => read.has(name))) continue;
    live.push(node);
    for (const name of node.inputs) read.add(name);
  }
  return live.reverse();
}

const LARGE = 4096;

function constantKey(dtype: DType, shape: readonly number[], values: OnnxConstant["values"]): string {
  const head = `${dtype}[${shape.join(",")}]`;
  if (dtype === "string" || values.length * 8 < LARGE)
    return `${head} ${Array.from(values as ArrayLike<number>, printed).join("\n")}`;
  return `${head} ${createHash("sha256")
    .update(constantBytes(dtype, values as ArrayLike<number>))
    .digest("hex")}`;
}

/** -0 is a constant of its own. */
const printed = (value: number | bigint | string): string => (Object.is(value, -0) ? "-0" : String(value));

/** Long lists of vocabularies are told apart by their hash. */
function attributeKey(attributes: Attributes = {}): string {
  const text = JSON.stringify(attributes, (_, value: unknown) =>
    typeof value === "bigint"
      ? `${value}n`
      : ArrayBuffer.isView(value)
        ? Array.from(value as unknown as ArrayLike<number>, String)
        : Object.is(value, -0)
          ? "-0"
          : value,
  );
  return text.length < LARGE ? text : createHash("sha256").update(text).digest("hex");
}
