/**
 * An ONNX file → its signature: inputs, outputs, opset, external data files. Weights are stepped over, not read.
 */
import { readFileSync } from "node:fs";
import { type DType, onnxDatatype } from "../datatype.js";
import { type PathInside, parsePathInside } from "../files/path-inside.js";
import { type Cursor, cursor, nextTag, readSafeInt, readSpan, readString, skipField, WireError } from "./wire.js";

export interface OnnxTensor {
  readonly name: string;
  /** Null: an element type that Triton has no name for, or no tensor. */
  readonly dtype: DType | null;
  /** What it is instead of a tensor; classifiers that `skl2onnx` converts answer a sequence of maps unless told not to. */
  readonly instead?: "sequence" | "map" | "optional";
  /** A number, the name of a symbolic dimension, or null for one that says nothing. */
  readonly shape: readonly (number | string | null)[];
}

export interface OnnxSignature {
  /** Without initializers, which ONNX also allows among the inputs. */
  readonly inputs: readonly OnnxTensor[];
  readonly outputs: readonly OnnxTensor[];
  /** Version of the default operator set. */
  readonly opset: number;
  /** Files with weights, relative to the model's folder. */
  readonly externalData: readonly PathInside[];
}

/** A file that is not an ONNX model; the message names it. */
export class OnnxFileError extends Error {
  override readonly name = "OnnxFileError";
}

/**
 * @param from file name, or the file's bytes
 * @param where name for messages when bytes are given
 * @throws OnnxFileError
 */
export function readOnnxSignature(from: string | Uint8Array, where = "the model"): OnnxSignature {
  const file = typeof from === "string" ? from : where;
  const bytes = typeof from === "string" ? readFileSync(from) : from;
  try {
    const { locations, ...signature } = model(cursor(bytes));
    const externalData = locations.map(location => {
      const path = parsePathInside(location);
      if (path !== undefined && !/^\w:|(^|\/)\.\.(\/|$)/.test(location)) return path;
      throw new OnnxFileError(
        `${file} keeps weights in \`${location}\`, outside its folder. Save it with its data file beside it.`,
      );
    });
    return { ...signature, externalData };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new OnnxFileError(`${file} is not a whole ONNX model: ${error.message}. Export it again.`);
  }
}

interface Found {
  readonly external: Set<string>;
  readonly initializers: Set<string>;
}

/** Walks the fields of a message; `visit` says whether it read the field. */
function each(c: Cursor, visit: (number: number, c: Cursor) => boolean): void {
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) if (!visit(tag >>> 3, c)) skipField(c, tag);
}

function model(c: Cursor): Omit<OnnxSignature, "externalData"> & { readonly locations: readonly string[] } {
  let graphs = 0;
  let opset = 0;
  const inputs: OnnxTensor[] = [];
  const outputs: OnnxTensor[] = [];
  const found: Found = { external: new Set(), initializers: new Set() };
  each(c, (number, at) => {
    if (number === 7) {
      graphs++;
      graph(readSpan(at), found, 0, (side, tensor) => (side === 11 ? inputs : outputs).push(tensor));
    } else if (number === 8) opset = operatorSet(readSpan(at)) ?? opset;
    else if (number === 25) body(readSpan(at), 7, found, 0);
    else return false;
    return true;
  });
  if (graphs !== 1) throw new WireError(`it holds ${graphs === 0 ? "no graph" : `${graphs} graphs`}`);
  if (outputs.length === 0) throw new WireError("its graph has no outputs");
  return {
    inputs: inputs.filter(t => !found.initializers.has(t.name)),
    outputs,
    opset,
    locations: [...found.external],
  };
}

function operatorSet(c: Cursor): number | undefined {
  let domain = "";
  let version = 0;
  each(c, (number, at) => {
    if (number === 1) domain = readString(at);
    else if (number === 2) version = readSafeInt(at);
    else return false;
    return true;
  });
  return domain === "" || domain === "ai.onnx" ? version : undefined;
}

function graph(c: Cursor, found: Found, depth: number, io?: (side: 11 | 12, tensor: OnnxTensor) => void): void {
  if (depth > 100) throw new WireError("graphs are nested more than a hundred deep");
  each(c, (number, at) => {
    if (number === 1) node(readSpan(at), found, depth);
    else if (number === 5) {
      const name = weights(readSpan(at), found);
      if (io) found.initializers.add(name);
    } else if (io && (number === 11 || number === 12)) io(number, valueInfo(readSpan(at)));
    else return false;
    return true;
  });
}

/** Nodes of a function, which stand at another field number. */
function body(c: Cursor, field: number, found: Found, depth: number): void {
  each(c, (number, at) => {
    if (number !== field) return false;
    node(readSpan(at), found, depth);
    return true;
  });
}

function node(c: Cursor, found: Found, depth: number): void {
  each(c, (number, at) => {
    if (number !== 5) return false;
    each(readSpan(at), (attribute, inside) => {
      if (attribute === 5 || attribute === 10) weights(readSpan(inside), found);
      else if (attribute === 6 || attribute === 11) graph(readSpan(inside), found, depth + 1);
      else return false;
      return true;
    });
    return true;
  });
}

/** A TensorProto: its name, and the file that holds its data. */
function weights(c: Cursor, found: Found): string {
  let name = "";
  each(c, (number, at) => {
    if (number === 8) name = readString(at);
    else if (number === 13) {
      let key = "";
      let value = "";
      each(readSpan(at), (part, inside) => {
        if (part === 1) key = readString(inside);
        else if (part === 2) value = readString(inside);
        else return false;
        return true;
      });
      if (key === "location") found.external.add(value);
    } else return false;
    return true;
  });
  return name;
}

function valueInfo(c: Cursor): OnnxTensor {
  let name = "";
  let dtype: DType | null = null;
  let instead: OnnxTensor["instead"];
  const shape: (number | string | null)[] = [];
  const dimension = (number: number, at: Cursor): boolean => {
    if (number !== 1) return false;
    let dim: number | string | null = null;
    each(readSpan(at), (part, inside) => {
      if (part === 1) dim = readSafeInt(inside);
      else if (part === 2) dim = readString(inside) || null;
      else return false;
      return true;
    });
    shape.push(dim);
    return true;
  };
  const tensorType = (number: number, at: Cursor): boolean => {
    if (number === 1) dtype = onnxDatatype(readSafeInt(at))?.name ?? null;
    else if (number === 2) each(readSpan(at), dimension);
    else return false;
    return true;
  };
  each(c, (number, at) => {
    if (number === 1) name = readString(at);
    else if (number === 2)
      each(readSpan(at), (part, inside) => {
        instead = NO_TENSOR[part];
        if (part !== 1) return false;
        each(readSpan(inside), tensorType);
        return true;
      });
    else return false;
    return true;
  });
  return { name, dtype, shape, ...(instead && { instead }) };
}

/** TypeProto: sequence_type 4, map_type 5, optional_type 9. */
const NO_TENSOR: Readonly<Record<number, OnnxTensor["instead"]>> = { 4: "sequence", 5: "map", 9: "optional" };
