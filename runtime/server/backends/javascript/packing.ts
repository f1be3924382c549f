/**
 * Messages as bytes of a ring. Frequent parts of requests have a flat layout. Rare parts are serialized with the record.
 */
import { DATATYPES, type WireType, wireDatatype } from "../../../../triton-protos/datatype.js";
import type { Tensor } from "../../../base/tensor.js";
import type { WireRecord } from "./protocol.js";
import type { SharedPage } from "./ring.js";

/** A position in a page, advanced by reads and writes. */
export interface Cursor extends SharedPage {
  at: number;
}

/** Names that both sides know travel as their number. */
export interface Names {
  readonly list: readonly string[];
  readonly index: ReadonlyMap<string, number>;
}
export const nameTable = (list: readonly string[]): Names => ({
  list,
  index: new Map(list.map((name, i) => [name, i])),
});

const aligned = (bytes: number): number => (bytes + 7) & ~7;
const wireOf: readonly (WireType | undefined)[] = DATATYPES.reduce<(WireType | undefined)[]>((list, row) => {
  list[row.number] = row.wire;
  return list;
}, []);

/** No record is longer than this says. */
export function sizeOf({ id, tensors, rest }: WireRecord): number {
  let bytes = 40 + 3 * id.length + (rest?.byteLength ?? 0);
  for (const { name, shape, data } of tensors) bytes += 48 + 3 * name.length + 8 * shape.length + data.byteLength;
  return bytes;
}

function writeBytes(cursor: Cursor, bytes: Uint8Array): void {
  cursor.bytes.set(bytes, cursor.at);
  cursor.at = aligned(cursor.at + bytes.byteLength);
}

/** @returns a copy, whose memory is its own */
function readBytes(cursor: Cursor, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  bytes.set(cursor.bytes.subarray(cursor.at, cursor.at + length));
  cursor.at = aligned(cursor.at + length);
  return bytes;
}

function writeTensor(cursor: Cursor, { name, datatype, shape, data }: Tensor, names: Names): void {
  const { words, doubles } = cursor;
  const known = names.index.get(name) ?? -1;
  const word = cursor.at >> 2;
  words[word] = known;
  words[word + 1] = wireDatatype(datatype)!.number;
  words[word + 2] = shape.length;
  words[word + 3] = data.byteLength;
  cursor.at += 16;
  for (const dim of shape) {
    doubles[cursor.at >> 3] = dim;
    cursor.at += 8;
  }
  if (known === -1) writeText(cursor, name);
  writeBytes(cursor, data);
}

function readTensor(cursor: Cursor, names: Names): Tensor {
  const { words, doubles } = cursor;
  const word = cursor.at >> 2;
  const datatype = wireOf[words[word + 1]!]!;
  const rank = words[word + 2]!;
  const length = words[word + 3]!;
  cursor.at += 16;
  const shape: number[] = [];
  for (let i = 0; i < rank; i++) shape.push(doubles[(cursor.at >> 3) + i]!);
  cursor.at += 8 * rank;
  const name = names.list[words[word]!] ?? readText(cursor);
  return { name, datatype, shape, data: readBytes(cursor, length) };
}

function writeText(cursor: Cursor, text: string): void {
  const length = cursor.bytes.write(text, cursor.at + 4);
  cursor.words[cursor.at >> 2] = length;
  cursor.at = aligned(cursor.at + 4 + length);
}

function readText(cursor: Cursor): string {
  const end = cursor.at + 4 + cursor.words[cursor.at >> 2]!;
  const text = cursor.bytes.toString("utf8", cursor.at + 4, end);
  cursor.at = aligned(end);
  return text;
}

export function writeRecord(cursor: Cursor, { number, id, tensors, rest }: WireRecord, names: Names): void {
  const { words } = cursor;
  const word = cursor.at >> 2;
  words[word] = number;
  words[word + 1] = tensors.length;
  words[word + 2] = rest?.byteLength ?? 0;
  words[word + 3] = id.length;
  cursor.at += 16;
  if (id.length > 0) writeText(cursor, id);
  for (const tensor of tensors) writeTensor(cursor, tensor, names);
  if (rest) writeBytes(cursor, rest);
}

export function readRecord(cursor: Cursor, names: Names): WireRecord {
  const { words } = cursor;
  const word = cursor.at >> 2;
  const number = words[word]!;
  const count = words[word + 1]!;
  const length = words[word + 2]!;
  const hasId = words[word + 3]! > 0;
  cursor.at += 16;
  const id = hasId ? readText(cursor) : "";
  const tensors: Tensor[] = [];
  for (let i = 0; i < count; i++) tensors.push(readTensor(cursor, names));
  if (length === 0) return { number, id, tensors };
  return { number, id, tensors, rest: readBytes(cursor, length) };
}
