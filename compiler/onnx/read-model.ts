/**
 * An ONNX file → its nodes and constants with their bytes in place, so that they can be written into another graph under other names.
 */

import {
  type Cursor,
  cursor,
  nextTag,
  readSafeInt,
  readSpan,
  readString,
  skipField,
  spanBytes,
} from "../../formats/bytes/wire.js";
import { readEntry } from "../../formats/onnx/onnx.js";

export interface ModelNode {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly {
    readonly name: string;
    readonly bytes: Uint8Array;
    readonly ints: readonly number[];
  }[];
  /** The message. */
  readonly bytes: Uint8Array;
  /** One of its attributes is a graph: `If`, `Loop`, `Scan`. */
  readonly hasGraph: boolean;
}

export interface ModelParts {
  /** Version by operator set domain. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly functions: number;
  readonly nodes: readonly ModelNode[];
  readonly constants: readonly { readonly name: string; readonly bytes: Uint8Array; readonly external?: string }[];
  readonly sparse: number;
}

/** Fields of a message: number, and the bytes with tag and length. @param visit may read the field's value */
export function eachField(bytes: Uint8Array, visit: (number: number, at: Cursor, start: number) => boolean): void {
  const c = cursor(bytes);
  for (let start = c.at, tag = nextTag(c); tag !== 0; start = c.at, tag = nextTag(c))
    if (!visit(tag >>> 3, c, start)) skipField(c, tag);
}

export function readModelParts(bytes: Uint8Array): ModelParts {
  const opsets = new Map<string, number>();
  const nodes: ModelNode[] = [];
  const constants: { name: string; bytes: Uint8Array; external?: string }[] = [];
  let functions = 0;
  let sparse = 0;
  eachField(bytes, (number, at) => {
    if (number === 8) {
      let [domain, version] = ["", 0];
      eachField(spanBytes(readSpan(at)), (part, inside) => {
        if (part === 1) domain = readString(inside);
        else if (part === 2) version = readSafeInt(inside);
        else return false;
        return true;
      });
      opsets.set(domain === "ai.onnx" ? "" : domain, version);
    } else if (number === 25) {
      functions++;
      return false;
    } else if (number === 7)
      eachField(spanBytes(readSpan(at)), (part, inside) => {
        if (part === 1) nodes.push(readNode(spanBytes(readSpan(inside))));
        else if (part === 5) constants.push(readConstant(spanBytes(readSpan(inside))));
        else if (part === 15) {
          sparse++;
          return false;
        } else return false;
        return true;
      });
    else return false;
    return true;
  });
  return { opsets, functions, nodes, constants, sparse };
}

function readNode(bytes: Uint8Array): ModelNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: ModelNode["attributes"][number][] = [];
  let [op, domain, hasGraph] = ["", "", false];
  eachField(bytes, (number, at) => {
    if (number === 1) inputs.push(readString(at));
    else if (number === 2) outputs.push(readString(at));
    else if (number === 4) op = readString(at);
    else if (number === 7) domain = readString(at);
    else if (number === 5) {
      const attribute = spanBytes(readSpan(at));
      let name = "";
      const ints: number[] = [];
      eachField(attribute, (part, inside) => {
        if (part === 1) name = readString(inside);
        else if (part === 6 || part === 11) {
          hasGraph = true;
          return false;
        } else if (part === 3) ints.push(readSafeInt(inside));
        else return false;
        return true;
      });
      attributes.push({ name, bytes: attribute, ints });
    } else return false;
    return true;
  });
  return { op, domain: domain === "ai.onnx" ? "" : domain, inputs, outputs, attributes, bytes, hasGraph };
}

function readConstant(bytes: Uint8Array): { name: string; bytes: Uint8Array; external?: string } {
  let name = "";
  let external: string | undefined;
  eachField(bytes, (number, at) => {
    if (number === 8) name = readString(at);
    else if (number === 13) {
      const [key, value] = readEntry(readSpan(at));
      if (key === "location") external = value;
    } else return false;
    return true;
  });
  return { name, bytes, ...(external !== undefined && { external }) };
}
