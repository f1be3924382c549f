/**
 * A user's ONNX model → its nodes in another graph. Names are made unique, equal constants are shared, and nodes of an older opset are
 * rewritten if only their form differs.
 */

import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { joinInside, pathInside } from "../../contract/files/path-inside.js";
import { readInt64, readSpan } from "../../formats/bytes/wire.js";
import {
  bytesMember,
  message,
  stringField,
  stringMember,
  varintField,
  varintMember,
} from "../../formats/bytes/wire-writer.js";
import { readEntry, readOnnxSignature } from "../../formats/onnx/onnx.js";
import type { LowerContext } from "../../operators/shared/onnx/lowering.js";
import type { DType } from "../../triton-protos/datatype.js";
import type { ForeignNode, Value } from "./graph-builder.js";
import { eachField, type ModelNode, readModelParts } from "./read-model.js";

export interface UserModel {
  readonly bytes: Uint8Array;
  readonly path: string;
  /** Its names begin with it. */
  readonly label: string;
}

const WAY = "Build without `--fuse`: the model is then one of its own.";

/**
 * @param given a value of the graph for each input tensor
 * @returns its outputs by name
 */
export function inlineModel(
  context: LowerContext,
  model: UserModel,
  given: ReadonlyMap<string, Value>,
): ReadonlyMap<string, Value> {
  const { g } = context;
  const parts = readModelParts(model.bytes);
  const signature = readOnnxSignature(model.bytes, model.path);
  const fail = (reason: string): never => context.fail(`\`${model.path}\` ${reason}`, WAY);
  if (parts.functions > 0) fail("defines functions of its own");
  if (parts.sparse > 0) fail("has sparse constants");
  const opset = parts.opsets.get("") ?? 1;
  const names = new Map([...given].map(([name, value]) => [name, value.name]));
  const rename = (name: string): string => {
    if (name === "") return "";
    let known = names.get(name);
    if (known === undefined) {
      known = g.fresh(`${model.label}/${name}`);
      names.set(name, known);
    }
    return known;
  };
  const constants = parts.constants.flatMap(({ name, bytes, external }) => {
    if (names.has(name)) return [];
    const folder = dirname(model.path);
    const body = message(
      ...otherFields(bytes, new Set([8, ...(external === undefined ? [] : [13])])),
      ...movedData(context, bytes, folder, external),
    );
    const key = createHash("sha256")
      .update(external === undefined ? "" : joinInside(folder, pathInside(external)))
      .update(body)
      .digest("hex");
    const shared = g.shared.get(key);
    if (shared !== undefined) {
      names.set(name, shared);
      return [];
    }
    g.shared.set(key, rename(name));
    return [{ name: rename(name), raw: { raw: message(body, stringMember(8, rename(name))) } }];
  });
  for (const [domain, version] of parts.opsets) {
    if (parts.nodes.some(node => node.domain === domain) && domain !== "") {
      const other = g.importDomain(domain, version);
      if (other !== undefined)
        fail(`uses version ${version} of the operators of ${domain}, and another model version ${other}`);
    }
  }
  const nodes = parts.nodes.map((node): ForeignNode => {
    if (node.hasGraph) fail(`has control flow (\`${node.op}\`), whose inner graphs name values of the outer one`);
    const upgraded = node.domain === "" ? upgrade(node, opset, context) : NO_UPGRADE;
    if (node.domain === "") g.needVersionOf(node.op, Math.max(opset, upgraded.version ?? opset), model.path);
    return {
      inputs: [...node.inputs.map(rename), ...upgraded.inputs],
      outputs: node.outputs.map(rename),
      raw: renamed(node, rename, g.freshNode(`${model.label}/${node.op}`), upgraded),
    };
  });
  g.needOpset(opset, `\`${model.path}\` was exported with opset ${opset}`);
  g.addForeign({ nodes, constants });
  return new Map(
    signature.outputs.map(output => [output.name, { name: rename(output.name), dtype: output.dtype as DType }]),
  );
}

interface Upgrade {
  /** Names of values of the outer graph. */
  readonly inputs: readonly string[];
  readonly drop: ReadonlySet<string>;
  readonly add: readonly Uint8Array[];
  readonly version?: number;
}

const NO_UPGRADE: Upgrade = { inputs: [], drop: new Set(), add: [] };
const REDUCTION = /^Reduce(L1|L2|LogSum|LogSumExp|Max|Mean|Min|Prod|SumSquare)$/;

/** Reductions take their axes as an input since 18; a split without sizes says into how many since then. */
function upgrade(node: ModelNode, opset: number, { g }: LowerContext): Upgrade {
  if (opset >= 18 || opset < 13) return NO_UPGRADE;
  if (REDUCTION.test(node.op)) {
    const axes = node.attributes.find(attribute => attribute.name === "axes");
    const ints = axes ? packedInts(axes.bytes) : [];
    return {
      inputs: ints.length > 0 ? [g.constant("int64", [ints.length], ints).name] : [],
      drop: new Set(["axes"]),
      add: [],
      version: 18,
    };
  }
  if (node.op === "Split")
    return {
      inputs: [],
      drop: new Set(),
      add: node.inputs.length < 2 ? [intAttribute("num_outputs", node.outputs.length)] : [],
      version: 18,
    };
  return NO_UPGRADE;
}

/** AttributeProto: ints 8, packed or not. */
function packedInts(bytes: Uint8Array): bigint[] {
  const found: bigint[] = [];
  eachField(bytes, (number, at, start) => {
    if (number !== 8) return false;
    const packed = (at.bytes[start]! & 7) === 2;
    const span = packed ? readSpan(at) : at;
    do found.push(readInt64(span));
    while (packed && span.at < span.end);
    return true;
  });
  return found;
}

const intAttribute = (name: string, value: number): Uint8Array =>
  bytesMember(5, message(stringField(1, name), varintMember(3, value), varintField(20, 2)));

/** NodeProto: input 1, output 2, name 3, attribute 5. */
function renamed(
  node: ModelNode,
  rename: (name: string) => string,
  name: string,
  { inputs, drop, add }: Upgrade,
): Uint8Array {
  return message(
    ...[...node.inputs.map(rename), ...inputs].map(input => stringMember(1, input)),
    ...node.outputs.map(output => stringMember(2, rename(output))),
    stringField(3, name),
    ...node.attributes.filter(attribute => !drop.has(attribute.name)).map(({ bytes }) => bytesMember(5, bytes)),
    ...add,
    ...otherFields(node.bytes, new Set([1, 2, 3, 5])),
  );
}

function otherFields(bytes: Uint8Array, without: ReadonlySet<number>): Uint8Array[] {
  const spans: [number: number, start: number][] = [];
  let end = 0;
  eachField(bytes, (number, _, start) => {
    spans.push([number, start]);
    return false;
  });
  const kept: Uint8Array[] = [];
  spans.forEach(([number, start], i) => {
    end = spans[i + 1]?.[1] ?? bytes.length;
    if (!without.has(number)) kept.push(bytes.subarray(start, end));
  });
  return kept;
}

/** TensorProto: external_data 13. The file is copied under a name of its own. */
function movedData({ g }: LowerContext, bytes: Uint8Array, folder: string, external: string | undefined): Uint8Array[] {
  if (external === undefined) return [];
  const to = g.takeFile(joinInside(folder, pathInside(external)));
  const entries: Uint8Array[] = [];
  eachField(bytes, (number, at) => {
    if (number !== 13) return false;
    const [key, value] = readEntry(readSpan(at));
    entries.push(bytesMember(13, message(stringMember(1, key), stringMember(2, key === "location" ? to : value))));
    return true;
  });
  return entries;
}
