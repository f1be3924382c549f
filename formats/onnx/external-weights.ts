/**
 * An ONNX file → the same model with its large weights in a file beside it. ONNX Runtime maps such a file, so processes share its memory; weights
 * inside a model are copied by each session.
 */
import { type Cursor, cursor, nextTag, readSafeInt, readSpan, skipField, WireError } from "../bytes/wire.js";
import { bytesMember, message, stringMember, varint, varintMember } from "../bytes/wire-writer.js";

/** Weights, as they are in the model's bytes and as they are in the file. */
export interface MovedWeights {
  readonly from: number;
  readonly length: number;
  readonly to: number;
}

export interface ExternalWeights {
  /** The model's bytes in parts, without the weights that were moved. */
  readonly model: readonly Uint8Array[];
  readonly moved: readonly MovedWeights[];
  /** Bytes of the file. */
  readonly end: number;
}

/** Weights begin at pages, as the format recommends for files that are mapped. */
const ALIGNED = 4096;
/** Tags of messages: `ModelProto.graph` and `GraphProto.initializer`. */
const GRAPH = (7 << 3) | 2;
const INITIALIZER = (5 << 3) | 2;
const FLOAT = 1;
const EXTERNAL = 1;

interface Edit {
  /** The length of the tensor's message and the message, in the model. */
  readonly from: number;
  readonly to: number;
  readonly tensor: Uint8Array;
}

/**
 * @param location of the file, beside the model
 * @param least bytes of weights that are moved
 * @returns undefined if no weights of the main graph are that large
 * @throws WireError for bytes that are not a whole model
 */
export function moveWeights(bytes: Uint8Array, location: string, least: number): ExternalWeights | undefined {
  const { from, graph } = graphOf(bytes);
  const start = graph.at;
  const moved: MovedWeights[] = [];
  const edits: Edit[] = [];
  let end = 0;
  for (let tag = nextTag(graph); tag !== 0; tag = nextTag(graph)) {
    if (tag !== INITIALIZER) {
      skipField(graph, tag);
      continue;
    }
    const before = graph.at;
    const tensor = readSpan(graph);
    const found = weightsOf(bytes, tensor.at, tensor.end, least);
    if (!found) continue;
    moved.push({ from: found.from, length: found.length, to: end });
    edits.push({ from: before, to: tensor.end, tensor: externalTensor(found.rest, location, end, found.length) });
    end = Math.ceil((end + found.length) / ALIGNED) * ALIGNED;
  }
  if (edits.length === 0) return undefined;
  const made = withTensors(bytes.subarray(0, graph.end), start, edits);
  const size = made.reduce((sum, part) => sum + part.length, 0);
  return { model: [bytes.subarray(0, from), varint(size), ...made, bytes.subarray(graph.end)], moved, end };
}

/** The graph, and where the length of its message is. */
function graphOf(bytes: Uint8Array): { readonly from: number; readonly graph: Cursor } {
  const model = cursor(bytes);
  for (let tag = nextTag(model); tag !== 0; tag = nextTag(model)) {
    const from = model.at;
    if (tag === GRAPH) return { from, graph: readSpan(model) };
    skipField(model, tag);
  }
  throw new WireError("it holds no graph");
}

/** The data of a tensor, if it has `least` bytes as a file has them, and the tensor's other fields. */
function weightsOf(
  bytes: Uint8Array,
  start: number,
  end: number,
  least: number,
): { readonly from: number; readonly length: number; readonly rest: readonly Uint8Array[] } | undefined {
  const c = cursor(bytes, start, end);
  const rest: Uint8Array[] = [];
  let type = 0;
  let data: { readonly from: number; readonly length: number; readonly isRaw: boolean } | undefined;
  for (let at = c.at, tag = nextTag(c); tag !== 0; at = c.at, tag = nextTag(c)) {
    const number = tag >>> 3;
    // Data in another file, or a segment of it.
    if (number === 3 || number === 13 || number === 14) return undefined;
    if (number === 9 || (number === 4 && (tag & 7) === 2)) {
      if (data) return undefined;
      const span = readSpan(c);
      data = { from: span.at, length: span.end - span.at, isRaw: number === 9 };
      continue;
    }
    if (number === 2) type = readSafeInt(c);
    else skipField(c, tag);
    rest.push(bytes.subarray(at, c.at));
  }
  return data && data.length >= least && (data.isRaw || type === FLOAT) ? { ...data, rest } : undefined;
}

const entry = (key: string, value: string): Uint8Array =>
  bytesMember(13, message(stringMember(1, key), stringMember(2, value)));

const externalTensor = (rest: readonly Uint8Array[], location: string, offset: number, length: number): Uint8Array =>
  message(
    ...rest,
    entry("location", location),
    entry("offset", String(offset)),
    entry("length", String(length)),
    varintMember(14, EXTERNAL),
  );

/** The bytes from `start` with other tensors. */
function withTensors(bytes: Uint8Array, start: number, edits: readonly Edit[]): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = start;
  for (const { from, to, tensor } of edits) {
    parts.push(bytes.subarray(at, from), varint(tensor.length), tensor);
    at = to;
  }
  return [...parts, bytes.subarray(at)];
}
