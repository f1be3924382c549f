/**
 * The elements of a `data` list → the raw bytes of a tensor, with Triton's faults. Long lists are converted in slices.
 */
import { type DatatypeRow, isWide } from "../../../../triton-protos/datatype.js";
import { internal, refuse } from "../../../base/errors.js";
import { atOnce, type Sliced } from "../../../base/slices.js";
import {
  BOOLEAN,
  DataList,
  FRACTION,
  HUGE,
  MAX_NESTING,
  NEGATIVE,
  type Numbers,
  OTHER,
  TEXT,
  tooDeep,
  WHOLE,
} from "../../../wire/json/data-list.js";
import type { Json } from "../../../wire/json/json.js";
import { setRounded, setWides, setWrapped } from "../../../wire/json/wides.js";
import { wrongKind } from "./access.js";

/** Elements that are copied one by one. */
const FEW = 32;
/** Elements, and parts of texts (146 KiB together), that take no time. */
const SHORT = 2048;
const FEW_PARTS = 4;

/** GrowableMemory of this size, aligned for any typed array. */
export type MakeTensor = (bytes: number) => Uint8Array;
const makeAnywhere: MakeTensor = bytes => new Uint8Array(bytes);

/** The forms that each kind of datatype accepts, and Triton's words for others. */
const ACCEPTED = {
  bool: { forms: BOOLEAN, kind: "boolean", wanted: "boolean" },
  uint: { forms: WHOLE | HUGE, kind: "unsigned-integer", wanted: "unsigned-integer" },
  int: { forms: WHOLE | NEGATIVE, kind: "signed-integer", wanted: "signed-integer" },
  float: { forms: WHOLE | NEGATIVE | HUGE | FRACTION, kind: "number", wanted: "double" },
} as const;

/** Counts and sizes are int64 in Triton, which refuses larger ones as an overflow. */
const MAX_INT64 = 2n ** 63n - 1n;
const INT64_END = 2 ** 63;
const NO_DATA = new Uint8Array(0);

export interface DataLimits {
  /** Bytes of a tensor. */
  readonly maxInputSize: number;
  /** GrowableMemory for a tensor of this size that is parsed from JSON. */
  readonly makeTensor?: MakeTensor;
}

/** Whether there is nothing left to do. */
export const isBytes = (data: Uint8Array | Sliced<Uint8Array>): data is Uint8Array => data instanceof Uint8Array;

/** @param row undefined for a datatype that is unknown */
export function readData(
  data: Json,
  row: DatatypeRow | undefined,
  shape: readonly number[],
  name: string,
  limits: DataLimits,
): Uint8Array | Sliced<Uint8Array> {
  const elements = shape.length === 0 ? 0 : shape.reduce((product, dim) => product * dim, 1);
  if (elements === 0) return NO_DATA;
  const refuseShape = (text: string): never =>
    refuse(`invalid shape for input '${name}': shape [${shape.map(BigInt)}] ${text}`);
  if (shape.some(dim => dim < 0)) refuseShape("contains one or more invalid dimensions");
  if (elements >= INT64_END) refuseShape(`causes total element count to exceed maximum size of ${MAX_INT64}`);
  if (!(data instanceof DataList))
    return wrongKind("data", "array", "array", `\`data\` of input '${name}' is not a list`);
  // The bytes of strings are part of the body, which is bounded.
  const bytes = row?.bytes ?? 0;
  const size = elements * bytes;
  if (size >= INT64_END)
    refuse(
      `byte size overflow for input '${name}': element count (${BigInt(elements)}) * data type size (${bytes}) exceeds maximum allowed size (${MAX_INT64})`,
    );
  if (size > limits.maxInputSize)
    refuse(
      `JSON input '${name}' has a byte_size (${size} bytes) that exceeds the maximum allowed value of ${limits.maxInputSize} bytes. Use --http-max-input-size to increase the limit.`,
    );
  if (!row) return refuse(`invalid datatype for input ${name}`);
  if (!row.contents)
    return refuse(
      `receiving ${row.wire} data via JSON is not supported. Please use the binary data format for input ${name}`,
    );
  return elementsOf(data, row, elements, limits.makeTensor, name);
}

/**
 * @param elements how many the shape promises
 * @param makeTensor where numbers go
 * @throws RuntimeFault with Triton's text
 */
export function elementsOf(
  data: DataList,
  row: DatatypeRow,
  elements: number,
  makeTensor = makeAnywhere,
  name = "",
): Uint8Array | Sliced<Uint8Array> {
  const { count, forms } = data;
  const isTooDeep = data.depth >= MAX_NESTING + Number(count === 0);
  if (!row.array) {
    if (isTooDeep) throw tooDeep(MAX_NESTING);
    if ((forms & ~TEXT) !== 0)
      throw internal("Unable to parse JSON bytes array: attempt to access JSON non-string as string", {
        detail: wrongElement(data, data.firstOf(~TEXT), row, name),
      });
    // Triton has no buffer for no strings. A wrong count of strings is for the check of the request.
    if (count === 0)
      throw internal("Failed to parse 'data' field: output buffer unavailable", {
        detail: wrongCount(name, count, elements),
      });
    return shortOrSliced(data, joined(data, makeTensor));
  }
  if (isTooDeep) throw tooDeep(MAX_NESTING, "Unable to parse 'data': ");
  const accepted = ACCEPTED[row.kind as keyof typeof ACCEPTED];
  // Elements are taken in turn: what is wrong first is refused.
  const wrong = (forms & ~accepted.forms) === 0 ? elements : data.firstOf(~accepted.forms);
  if (wrong < elements) wrongKind("data", accepted.kind, accepted.wanted, wrongElement(data, wrong, row, name));
  if (count !== elements)
    throw internal(
      count > elements
        ? "Unable to parse 'data': Shape does not match true shape of 'data' field"
        : "Failed to parse 'data' field: shape does not match true shape",
      { detail: wrongCount(name, count, elements) },
    );
  const { parts, wides } = data;
  if (parts.length > 1 || wides) return shortOrSliced(data, numbers(data, row, makeTensor));
  const bytes = makeTensor(count * row.bytes);
  if (count > 0) setNumbers(bytes, 0, row, data, parts[0]!);
  return bytes;
}

/** Short work needs no pause. */
const shortOrSliced = (data: DataList, work: Sliced<Uint8Array>): Uint8Array | Sliced<Uint8Array> =>
  data.count <= SHORT && data.texts.length <= FEW_PARTS ? atOnce(work) : work;

const FORMS = [
  [HUGE, "an integer of 2^63 or more"],
  [NEGATIVE, "a negative integer"],
  [WHOLE, "an integer"],
  [FRACTION, "a number with a fraction or an exponent"],
  [BOOLEAN, "a boolean"],
  [TEXT, "a string"],
  [OTHER, "null or an object"],
] as const;

/** @param at the first element in a form that the datatype does not accept */
function wrongElement(data: DataList, at: number, { wire }: DatatypeRow, name: string): string {
  const [, found] = FORMS.find(([form]) => data.firstOf(form) === at)!;
  return `element ${at} of input '${name}' is ${found}; its datatype is ${wire}`;
}

const wrongCount = (name: string, found: number, expected: number): string =>
  `\`data\` of input '${name}' has ${found} elements; its shape has ${expected}`;

function* joined(data: DataList, makeTensor: MakeTensor): Sliced<Uint8Array> {
  const parts = data.texts;
  let size = 0;
  for (const part of parts) size += part.length;
  const all = makeTensor(size);
  let at = 0;
  for (const part of parts) {
    if (at > 0) yield;
    all.set(part, at);
    at += part.length;
    data.release(part);
  }
  return all;
}

function* numbers(data: DataList, row: DatatypeRow, makeTensor: MakeTensor): Sliced<Uint8Array> {
  const { count, parts, wides } = data;
  const bytes = makeTensor(count * row.bytes);
  let at = 0;
  for (const part of parts) {
    if (at > 0) yield;
    setNumbers(bytes, at, row, data, part);
    at += part.length;
  }
  if (!wides) return bytes;
  const { buffer, byteOffset } = bytes as Uint8Array<ArrayBuffer>;
  const values = isWide(row)
    ? new Uint32Array(buffer, byteOffset, 2 * count)
    : (new row.array!(buffer, byteOffset, count) as Float64Array);
  const write = isWide(row) ? setWides : row.kind === "float" ? setRounded : setWrapped;
  for (const part of wides.parts) {
    yield;
    write(values as Uint32Array, part);
  }
  return bytes;
}

/** Writes the numbers of a part of the list, from the element `from` on; the part is not read again. */
function setNumbers(
  { buffer, byteOffset }: Uint8Array,
  from: number,
  row: DatatypeRow,
  data: DataList,
  part: Numbers,
): void {
  const { length } = part;
  const at = byteOffset + from * row.bytes;
  if (isWide(row)) setWide(new Uint32Array(buffer, at, 2 * length), part);
  else {
    const values = new row.array!(buffer as ArrayBuffer, at, length) as Float64Array;
    // A copy between arrays of two kinds has a price of its own.
    if (length > FEW) values.set(part);
    else for (let i = 0; i < length; i++) values[i] = part[i]!;
  }
  data.release(part);
}

/** Integers as 64 bits, two halves each. */
function setWide(halves: Uint32Array, values: Numbers): void {
  for (let i = 0; i < values.length; i++) {
    const upper = Math.floor(values[i]! / 2 ** 32);
    halves[2 * i] = values[i]! - upper * 2 ** 32;
    halves[2 * i + 1] = upper;
  }
}
