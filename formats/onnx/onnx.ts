/**
 * An ONNX file → its signature: inputs, outputs, opset, external data files. Weights are stepped over, not read.
 */
import { readFileSync } from "node:fs";
import { type PathInside, parsePathInside } from "../../contract/files/path-inside.js";
import { type DType, onnxDatatype } from "../../triton-protos/datatype.js";
import {
  type Cursor,
  cursor,
  nextTag,
  readSafeInt,
  readSpan,
  readString,
  readVarint,
  skipField,
  WireError,
} from "../bytes/wire.js";
import { type IndexSample, readIndexSample } from "../faiss/index-sample.js";
import { readTrained, TRAINED_ON, type TrainedOn, trainedOn } from "../merlin-schema/trained-on.js";
import { lookUpsOf, type OnnxLookUp, type OnnxNode } from "./onnx-lookups.js";
import { otherModel } from "./other-model.js";

export interface OnnxTensor {
  readonly name: string;
  /** Null: an element type that Triton has no name for, or no tensor. */
  readonly dtype: DType | null;
  /** The kind of value instead of a tensor; classifiers that `skl2onnx` converts return a sequence of maps by default. */
  readonly instead?: "sequence" | "map" | "optional";
  /** A number, the name of a symbolic dimension, or null for one that says nothing. */
  readonly shape: readonly (number | string | null)[];
}

export interface OnnxSignature extends TrainedOn {
  /** Without initializers, which ONNX also allows among the inputs. */
  readonly inputs: readonly OnnxTensor[];
  readonly outputs: readonly OnnxTensor[];
  /** Version of the default operator set. */
  readonly opset: number;
  /** Files with weights, relative to the model's folder. */
  readonly externalData: readonly PathInside[];
  /** Parts of these files that tensors use. */
  readonly externalParts: readonly ExternalPart[];
  /** Inputs that are row numbers of tables of weights; read on request alone, since it takes memory for each node of the graph. */
  readonly lookUps?: readonly OnnxLookUp[];
  /** How training compared the vectors that the model makes, which `merlon-lab` writes into the file of a tower. */
  readonly similarity?: Similarity;
  /** Some items of the index that belongs to the model, which `merlon stamp --index` writes into the file of a tower. */
  readonly indexSample?: IndexSample;
}

/** Inner products, cosines, or Euclidean distances. */
const SIMILARITIES = ["ip", "cosine", "l2"] as const;
export type Similarity = (typeof SIMILARITIES)[number];

export interface ExternalPart {
  readonly tensor: string;
  readonly location: string;
  readonly offset: number;
  /** undefined: to the end of the file. */
  readonly length: number | undefined;
  /** Bytes that the tensor's shape takes; undefined for element types of no whole bytes. */
  readonly bytes: number | undefined;
}

/** A file that is not an ONNX model; the message names it. */
export class OnnxFileError extends Error {
  override readonly name = "OnnxFileError";
}

/** The signature with `lookUps`. @throws OnnxFileError */
export const readOnnxWithLookUps = (file: string): OnnxSignature => readOnnx(file, file, []);

/**
 * @param from file name, or the file's bytes
 * @param where name for messages when bytes are given
 * @throws OnnxFileError
 */
export const readOnnxSignature = (from: string | Uint8Array, where = "the model"): OnnxSignature =>
  readOnnx(from, where);

function readOnnx(from: string | Uint8Array, where: string, nodes?: OnnxNode[]): OnnxSignature {
  const file = typeof from === "string" ? from : where;
  const bytes = typeof from === "string" ? readFileSync(from) : from;
  try {
    const { locations, ...signature } = model(cursor(bytes), nodes);
    const externalData = locations.map(location => {
      const path = parsePathInside(location);
      // ONNX Runtime takes locations that begin with `*/` for addresses in its own memory.
      if (path !== undefined && !/^\w:|^\*\/|\/\.\.(\/|$)/.test(location)) return path;
      throw new OnnxFileError(
        `${file} keeps weights in \`${location}\`, outside its folder. Save it with its data file beside it.`,
      );
    });
    return { ...signature, externalData };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    const other = otherModel(bytes);
    if (other) throw new OnnxFileError(`${file} is not an ONNX model: it is ${other.what}. ${other.way}`);
    throw new OnnxFileError(`${file} is not a whole ONNX model: ${error.message}. Export it again.`);
  }
}

/** @returns what is wrong with a part of a file with weights, to follow the model's name */
export function partFault({ tensor, location, offset, length, bytes }: ExternalPart, size: number): string | undefined {
  const end = offset + (length ?? 0);
  if (end > size || (length === undefined && bytes !== undefined && offset + bytes > size))
    return `takes \`${tensor}\` from bytes ${offset} to ${length === undefined ? offset + bytes! : end} of \`${location}\`, which has ${size}`;
  if (length !== undefined && bytes !== undefined && length !== bytes)
    return `takes \`${tensor}\`, of ${bytes} bytes, from ${length} bytes of \`${location}\``;
  return undefined;
}

interface Found {
  readonly external: ExternalPart[];
  /** Weights of the main graph: name → first dimension, 1 for a scalar. */
  readonly initializers: Map<string, number>;
  /** Nodes of the main graph; absent if they are not needed. */
  readonly nodes?: OnnxNode[] | undefined;
  /** Operators of a function's nodes; absent outside functions, where they are not needed. */
  readonly calls?: Set<string>;
}

/** Walks the fields of a message; `visit` says whether it read the field. */
function each(c: Cursor, visit: (number: number, c: Cursor, wireType: number) => boolean): void {
  for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) if (!visit(tag >>> 3, c, tag & 7)) skipField(c, tag);
}

function model(
  c: Cursor,
  nodes: OnnxNode[] | undefined,
): Omit<OnnxSignature, "externalData"> & { readonly locations: readonly string[] } {
  let graphs = 0;
  let opset = 0;
  const inputs: OnnxTensor[] = [];
  const outputs: OnnxTensor[] = [];
  const found: Found = { external: [], initializers: new Map(), nodes };
  const functions = new Map<string, ReadonlySet<string>>();
  let trained: TrainedOn = {};
  let similarity: Similarity | undefined;
  let indexSample: IndexSample | undefined;
  each(c, (number, at) => {
    if (number === 7) {
      graphs++;
      graph(readSpan(at), found, 0, (side, tensor) => (side === 11 ? inputs : outputs).push(tensor));
    } else if (number === 8) opset = operatorSet(readSpan(at)) ?? opset;
    else if (number === 14) {
      const [key, value] = readEntry(readSpan(at));
      if (key === TRAINED_ON) trained = trainedOn(readTrained(value));
      else if (key === SIMILARITY) similarity = SIMILARITIES.find(known => known === value);
      else if (key === INDEX_SAMPLE) indexSample = readIndexSample(value);
    } else if (number === 25) {
      const calls = new Set<string>();
      functions.set(body(readSpan(at), { ...found, calls }), calls);
    } else return false;
    return true;
  });
  refuseCycles(functions);
  if (graphs !== 1) throw new WireError(`it holds ${graphs === 0 ? "no graph" : `${graphs} graphs`}`);
  if (outputs.length === 0) throw new WireError("its graph has no outputs");
  const given = inputs.filter(t => !found.initializers.has(t.name));
  return {
    inputs: given,
    outputs,
    ...(nodes && {
      lookUps: lookUpsOf(
        nodes,
        given.map(({ name }) => name),
        found.initializers,
      ),
    }),
    opset,
    locations: [...new Set(found.external.map(({ location }) => location))],
    externalParts: found.external,
    ...trained,
    ...(similarity && { similarity }),
    ...(indexSample && { indexSample }),
  };
}

/** The metadata by which merlon-lab notes how a tower's vectors were compared in training. */
export const SIMILARITY = "merlon.similarity";
/** The metadata with items of the index whose vectors were trained together with the tower. */
export const INDEX_SAMPLE = "merlon.index";

/** A function that calls itself is inlined without end. */
function refuseCycles(functions: ReadonlyMap<string, ReadonlySet<string>>): void {
  const seen = new Set<string>();
  /** The functions that are being walked, each with its calls that are left: a call of one of them closes a cycle. */
  const stack: { readonly name: string; readonly calls: Iterator<string> }[] = [];
  const open = new Set<string>();
  const enter = (name: string): void => {
    if (open.has(name)) throw new WireError(`its function \`${name}\` calls itself`);
    const calls = functions.get(name);
    if (!calls || seen.has(name)) return;
    seen.add(name);
    open.add(name);
    stack.push({ name, calls: calls.values() });
  };
  for (const first of functions.keys()) {
    enter(first);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const next = top.calls.next();
      if (!next.done) enter(next.value);
      else {
        open.delete(top.name);
        stack.pop();
      }
    }
  }
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
    if (number === 1) node(readSpan(at), found, depth, io && found.nodes);
    else if (number === 5) {
      const { name, first } = weights(readSpan(at), found);
      if (io) found.initializers.set(name, first);
    } else if (number === 15) sparse(readSpan(at), found);
    else if (io && (number === 11 || number === 12)) io(number, valueInfo(readSpan(at)));
    else return false;
    return true;
  });
}

/** A function: its nodes. @returns its name with its domain, as nodes call it */
function body(c: Cursor, found: Found): string {
  const name = { domain: "", op: "", overload: "" };
  each(c, (number, at) => {
    if (number === 7) node(readSpan(at), found, 0);
    else if (number === 1) name.op = readString(at);
    else if (number === 10) name.domain = readString(at);
    else if (number === 13) name.overload = readString(at);
    else return false;
    return true;
  });
  return nameOf(name);
}

/** @param nodes where the node is noted, in the main graph */
function node(c: Cursor, found: Found, depth: number, nodes?: OnnxNode[]): void {
  const name = { domain: "", op: "", overload: "" };
  const inputs: string[] = [];
  const outputs: string[] = [];
  let axis = 0;
  const isRead = nodes !== undefined || found.calls !== undefined;
  each(c, (number, at) => {
    if (number === 5) axis = attribute(readSpan(at), found, depth) ?? axis;
    else if (number === 1 && nodes) inputs.push(readString(at));
    else if (number === 2 && nodes) outputs.push(readString(at));
    else if (number === 4 && isRead) name.op = readString(at);
    else if (number === 7 && isRead) name.domain = readString(at);
    else if (number === 8 && found.calls) name.overload = readString(at);
    else return false;
    return true;
  });
  found.calls?.add(nameOf(name));
  if (name.domain === "" || name.domain === "ai.onnx") nodes?.push({ op: name.op, inputs, outputs, axis });
}

const nameOf = ({ domain, op, overload }: Readonly<Record<"domain" | "op" | "overload", string>>): string =>
  `${domain && `${domain}.`}${op}${overload && `:${overload}`}`;

/** @returns the number of an attribute called `axis` */
function attribute(c: Cursor, found: Found, depth: number): number | undefined {
  let name = "";
  let value: number | undefined;
  each(c, (number, at, wireType) => {
    if (number === 1) name = readString(at);
    else if (number === 3 && wireType === 0) value = smallInt(at);
    else if (number === 5 || number === 10) weights(readSpan(at), found);
    else if (number === 6 || number === 11) graph(readSpan(at), found, depth + 1);
    else if (number === 22 || number === 23) sparse(readSpan(at), found);
    else return false;
    return true;
  });
  return name === "axis" ? value : undefined;
}

/** A number of 32 bits without a sign; NaN for another, which attributes may hold. */
function smallInt(c: Cursor): number {
  readVarint(c);
  return c.hi === 0 ? c.lo >>> 0 : Number.NaN;
}

/** A SparseTensorProto: its values and their places. */
function sparse(c: Cursor, found: Found): void {
  each(c, (number, at) => {
    if (number !== 1 && number !== 2) return false;
    weights(readSpan(at), found);
    return true;
  });
}

/** A TensorProto: its name and first dimension, 1 for a scalar; data in another file is noted. */
function weights(c: Cursor, found: Found): { readonly name: string; readonly first: number } {
  let name = "";
  let type = 0;
  let first: number | undefined;
  let elements = 1;
  const dimension = (size: number): void => {
    first ??= size;
    elements *= size;
  };
  const entries: [key: string, value: string][] = [];
  each(c, (number, at, wireType) => {
    if (number === 8) name = readString(at);
    else if (number === 2) type = readSafeInt(at);
    else if (number === 1 && wireType === 0) dimension(readSafeInt(at));
    else if (number === 1) for (const packed = readSpan(at); packed.at < packed.end; ) dimension(readSafeInt(packed));
    else if (number === 13) entries.push(readEntry(readSpan(at)));
    else return false;
    return true;
  });
  if (entries.length > 0) {
    const bytes = onnxDatatype(type)?.bytes;
    found.external.push(external(name, entries, bytes ? elements * bytes : undefined));
  }
  return { name, first: first ?? 1 };
}

/** A `StringStringEntryProto`. */
export function readEntry(c: Cursor): [key: string, value: string] {
  let key = "";
  let value = "";
  each(c, (number, at) => {
    if (number === 1) key = readString(at);
    else if (number === 2) value = readString(at);
    else return false;
    return true;
  });
  return [key, value];
}

function external(tensor: string, entries: readonly [string, string][], bytes: number | undefined): ExternalPart {
  const known = new Map(entries.filter(([key]) => !key.startsWith("prepacked_")));
  for (const key of known.keys())
    if (!["location", "offset", "length", "checksum"].includes(key))
      throw new WireError(`the data of \`${tensor}\` in another file has the key \`${key}\``);
  const number = (key: string): number | undefined => {
    const text = known.get(key);
    if (text === undefined) return undefined;
    if (!/^\d{1,15}$/.test(text))
      throw new WireError(`the data of \`${tensor}\` in another file has ${key} \`${text}\``);
    return Number(text);
  };
  const location = known.get("location");
  if (location === undefined) throw new WireError(`the data of \`${tensor}\` in another file has no location`);
  return { tensor, location, offset: number("offset") ?? 0, length: number("length"), bytes };
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
