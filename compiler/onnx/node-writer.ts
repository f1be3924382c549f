/**
 * Nodes and constants of a graph, in the order in which they are written; equal ones are written once.
 */
import { createHash } from "node:crypto";
import { constantBytes, type OnnxAttribute, type OnnxConstant, type OnnxNode } from "../../formats/onnx/onnx-model.js";
import type { DType } from "../../triton-protos/datatype.js";
import type { ForeignNode } from "./foreign-parts.js";

/** A tensor of the graph. */
export interface Value {
  readonly name: string;
  readonly dtype: DType;
}

export type Attributes = Readonly<Record<string, OnnxAttribute>>;

export interface NodeOptions {
  readonly attributes?: Attributes;
  readonly domain?: "" | "ai.onnx.ml";
  /** The node's name in faults of ONNX Runtime. */
  readonly name?: string;
  /** Each node is one of its own: it draws random numbers. */
  readonly unique?: boolean;
}

/** Makes names that no other has. */
export interface NameSource {
  value(stem: string): string;
  node(stem: string): string;
}

export interface NodeWriter {
  readonly nodes: (OnnxNode | ForeignNode)[];
  readonly constants: Readonly<Record<string, OnnxConstant>>;
  /** A node is of the machine learning operators. */
  readonly usesMl: boolean;
  /** True of nodes that end a request: they are kept, even if unused. */
  isCheck(node: OnnxNode | ForeignNode): boolean;
  ops(op: string, inputs: readonly (Value | undefined)[], dtypes: readonly DType[], options?: NodeOptions): Value[];
  constant(dtype: DType, shape: readonly number[], values: OnnxConstant["values"]): Value;
}

export function nodeWriter(fresh: NameSource): NodeWriter {
  const nodes: (OnnxNode | ForeignNode)[] = [];
  const constants: Record<string, OnnxConstant> = {};
  const checks = new Set<OnnxNode | ForeignNode>();
  const known = new Map<string, Value[]>();
  const tables = new Map<string, Value>();
  let usesMl = false;
  return {
    nodes,
    constants,
    get usesMl() {
      return usesMl;
    },
    isCheck: node => checks.has(node),
    ops: (op, given, dtypes, { attributes, domain = "", name, unique = false } = {}) => {
      const read = given.map(value => value?.name ?? "");
      const key =
        unique || name !== undefined
          ? undefined
          : `${domain}\n${op}\n${read.join("\n")}\n${attributeKey(attributes)}\n${dtypes}`;
      const same = key === undefined ? undefined : known.get(key);
      if (same) return same;
      if (domain === "ai.onnx.ml") usesMl = true;
      const made = dtypes.map((dtype): Value => ({ name: fresh.value(op), dtype }));
      const node: OnnxNode = {
        name: fresh.node(name ?? made[0]!.name),
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
    },
    constant: (dtype, shape, values) => {
      const key = constantKey(dtype, shape, values);
      const same = tables.get(key);
      if (same) return same;
      const value = { name: fresh.value("constant"), dtype };
      constants[value.name] = { dtype, shape, values };
      tables.set(key, value);
      return value;
    },
  };
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

/** Long lists of vocabularies are distinguished by their hash. */
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
