/**
 * InferTensorContents: the typed fields of one input → the raw form of the datatype that the input declares. Large contents are decoded in slices, so that a
 * request of 64 MiB does not keep the event loop from others.
 */
import { wireDatatype } from "../../../triton-protos/datatype.js";
import type { Cancellation } from "../../base/cancellation.js";
import { RuntimeFault } from "../../base/errors.js";
import type { RequestMeter } from "../../base/memory/request-meter.js";
import { ElementBuffer } from "./element-buffer.js";
import { SLICE } from "./limits.js";
import { type Cursor, malformed, WIRE } from "./wire.js";

interface FieldRow {
  readonly name: string;
  readonly label: string;
  readonly wire: "varint" | "fixed" | "bytes";
  /** Bytes of an element in raw form, where the datatype has none of its own. */
  readonly width: 1 | 4 | 8;
}

/** Name and form of each field, by its number. */
const FIELDS: readonly (FieldRow | undefined)[] = [
  undefined,
  { name: "bool_contents", label: "BOOL", wire: "varint", width: 1 },
  { name: "int_contents", label: "INT32", wire: "varint", width: 4 },
  { name: "int64_contents", label: "INT64", wire: "varint", width: 8 },
  { name: "uint_contents", label: "UINT32", wire: "varint", width: 4 },
  { name: "uint64_contents", label: "UINT64", wire: "varint", width: 8 },
  { name: "fp32_contents", label: "FP32", wire: "fixed", width: 4 },
  { name: "fp64_contents", label: "FP64", wire: "fixed", width: 8 },
  { name: "bytes_contents", label: "BYTES", wire: "bytes", width: 1 },
];
const BOOL = 1;

/** A packed field that is being read: its values are counted first, so that their buffer has the right size at once. */
interface Packed {
  readonly field: number;
  readonly values: Cursor;
  counted: number;
  elements: number;
}

/** The contents of one tensor. A message in parts equals the concatenation of their bytes. */
export class Contents {
  readonly #meter: RequestMeter;
  /** INT8 is sent as int_contents of four bytes, and is stored in one. */
  readonly #narrow: { readonly field: string; readonly bytes: number } | undefined;
  readonly #columns: (ElementBuffer | undefined)[] = [];
  readonly #parts: readonly Cursor[];
  #part = 0;
  #packed: Packed | undefined;

  /** @param parts the message's occurrences */
  constructor(parts: readonly Cursor[], datatype: string, meter: RequestMeter) {
    this.#parts = parts;
    this.#meter = meter;
    const row = wireDatatype(datatype);
    if (row?.contents && row.bytes > 0) this.#narrow = { field: row.contents, bytes: row.bytes };
  }

  /** Bytes on the wire. */
  get size(): number {
    let size = 0;
    for (const { at, end } of this.#parts) size += end - at;
    return size;
  }

  /** Reads about this number of bytes. @returns true at the end @throws RuntimeFault for bytes that are not such a message */
  read(bytes: number): boolean {
    let left = bytes;
    for (; this.#part < this.#parts.length; this.#part++) {
      const cursor = this.#parts[this.#part]!;
      while (this.#packed || !cursor.done) {
        if (left <= 0) return false;
        if (this.#packed) left -= this.#readPacked(this.#packed, left);
        else {
          const start = cursor.at;
          this.#readField(cursor, Math.min(cursor.end, start + left));
          left -= this.#packed ? 0 : cursor.at - start;
        }
      }
    }
    return true;
  }

  /** Reads everything, and lets other work run after each slice. @throws RuntimeFault, also when the client left */
  async readInSlices(signal: Cancellation): Promise<void> {
    while (!this.read(SLICE)) {
      await new Promise(next => setImmediate(next));
      if (signal.aborted) throw new RuntimeFault("CANCELLED", "the client left while its request was decoded");
    }
  }

  /** Reads one field, and short ones after it that have the same tag and end before `stop`. */
  #readField(cursor: Cursor, stop: number): void {
    const start = cursor.at;
    const tag = cursor.elementTag();
    const [number, type] = [tag >>> 3, tag & 7];
    const field = FIELDS[number];
    if (field?.wire === "bytes" && type === WIRE.bytes) {
      const column = this.#column(number);
      column.addString(cursor, start);
      column.addShortStrings(cursor, tag, stop);
    } else if (field?.wire === "varint" && type === WIRE.varint) {
      if (cursor.done) throw malformed();
      const column = this.#column(number);
      column.addVarint(cursor, start, number === BOOL);
      column.addShortVarints(cursor, tag, stop, number === BOOL);
    } else if (field?.wire === "varint" && type === WIRE.bytes) {
      const values = cursor.message();
      if (!values.done) this.#packed = { field: number, values, counted: values.at, elements: 0 };
    } else if (field?.wire === "fixed" && type === (field.width === 4 ? WIRE.fixed32 : WIRE.fixed64)) {
      const column = this.#column(number);
      column.addFixed(cursor.take(field.width), start, cursor.end);
      column.addTaggedFixed(cursor, tag, stop);
    } else if (field?.wire === "fixed" && type === WIRE.bytes) {
      const values = cursor.block();
      if (values.length % field.width !== 0) throw malformed();
      if (values.length > 0) this.#column(number).addFixed(values, start, cursor.end);
    } else cursor.skip(tag);
  }

  /** @returns about how many bytes of work that was */
  #readPacked(packed: Packed, bytes: number): number {
    const { field, values } = packed;
    if (packed.counted < values.end) {
      const from = packed.counted;
      packed.counted = Math.min(values.end, from + bytes);
      packed.elements += countVarints(values.bytes, from, packed.counted);
      if (packed.counted < values.end) return packed.counted - from;
      // The last byte of the field must end a varint.
      if (values.bytes[values.end - 1]! > 0x7f) throw malformed();
      this.#column(field).room(packed.elements);
      return 0;
    }
    const from = values.at;
    this.#column(field).addVarints(values, Math.min(values.end, from + bytes), field === BOOL);
    if (values.done) this.#packed = undefined;
    return values.at - from;
  }

  #column(number: number): ElementBuffer {
    let column = this.#columns[number];
    if (!column) {
      const { name, width } = FIELDS[number]!;
      column = new ElementBuffer(name === this.#narrow?.field ? this.#narrow.bytes : width, this.#meter);
      this.#columns[number] = column;
    }
    return column;
  }

  /** The raw bytes of the fields that were not empty, by number. */
  *raw(): Iterable<readonly [number: number, bytes: Buffer]> {
    for (let number = 1; number < FIELDS.length; number++) {
      const column = this.#columns[number];
      if (column) yield [number, column.bytes()];
    }
  }
}

function countVarints(bytes: Buffer, from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) count += (bytes[i]! >> 7) ^ 1;
  return count;
}

export interface TypedProblem {
  /** `type`: a field of another datatype; `twice`: a second field. */
  readonly problem: "type" | "twice";
  readonly label: string;
}

/** Typed contents → raw bytes of the datatype, or what is wrong with them. */
export function packContents(contents: Contents, datatype: string): Uint8Array | TypedProblem {
  const row = wireDatatype(datatype);
  let packed: Uint8Array | undefined;
  for (const [number, bytes] of contents.raw()) {
    const { name, label } = FIELDS[number]!;
    if (packed) return { problem: "twice", label };
    if (row?.contents !== name) return { problem: "type", label };
    packed = bytes;
  }
  return packed ?? new Uint8Array(0);
}
