/**
 * A value that a caller gave for an input → a tensor in raw form. Typed arrays of the input's own datatype are sent unchanged. Plain
 * numbers are checked one by one, because a typed array would wrap them silently.
 */
import { type DatatypeRow, type WireType, wireDatatype } from "../../triton-protos/datatype.js";
import { toBfloats, toHalves } from "../../triton-protos/float16.js";
import { packByteStrings } from "./byte-strings.js";
import { wrong } from "./client-error.js";
import { flatten, inferShape } from "./shape-of.js";
import { Tensor } from "./tensor.js";
import type { WireInput } from "./wire-call.js";

interface Declared {
  readonly datatype: string;
  readonly shape: readonly number[];
}

/** True if the value determines its tensor, so that the model's metadata is not needed. */
export const isComplete = (value: unknown): boolean =>
  value instanceof Tensor ||
  (isObject(value) && ("raw" in value || "region" in value)) ||
  (isShaped(value) && value.datatype !== undefined);

/** @throws InvalidRequestError that names the input */
export function readInput(name: string, value: unknown, declared: Declared | undefined): WireInput {
  if (value instanceof Tensor) return { name, datatype: value.datatype, shape: value.shape, data: value.raw };
  if (isObject(value) && "region" in value) {
    const {
      region,
      byteSize,
      offset = 0,
      datatype,
      shape,
    } = value as unknown as {
      region: string;
      byteSize: number;
      offset?: number;
    } & Declared;
    return { name, datatype, shape, data: { region, byteSize, offset } };
  }
  if (isObject(value) && "raw" in value) {
    const { datatype, shape, raw } = value as unknown as Declared & { raw: Uint8Array };
    return { name, datatype, shape, data: raw };
  }
  if (value === undefined || value === null)
    throw wrong(`input \`${name}\` is ${value}: leave it out or give it a value`);
  const given = isShaped(value) ? value : undefined;
  const data = given ? given.data : value;
  const datatype = given?.datatype ?? declared?.datatype ?? "";
  const row = wireDatatype(datatype);
  if (!row) throw wrong(`input \`${name}\`: "${datatype}" is not a datatype of KServe v2`);
  const isOwn = row.array !== null && data instanceof row.array;
  const { items, shape } = isOwn
    ? { items: data as ArrayLike<unknown>, shape: undefined }
    : flatten(data, !row.array, name);
  const full = given?.shape ?? chooseShape(items.length, shape, declared?.shape, name);
  let count = 1;
  for (const dim of full) count *= dim;
  if (count !== items.length)
    throw wrong(`input \`${name}\`: shape [${full.join(",")}] has ${count} elements, and ${items.length} are given`);
  return { name, datatype, shape: full, data: isOwn ? bytesOf(data as ArrayBufferView) : pack(items, row, name, data) };
}

function chooseShape(
  count: number,
  nested: readonly number[] | undefined,
  declared: readonly number[] | undefined,
  name: string,
): readonly number[] {
  if (!declared) return nested ?? [count];
  // One value, or one list, says nothing of the other axes.
  if (!nested || (nested.length === 0 && declared.length > 0)) return inferShape(count, declared, name);
  if (nested.length !== declared.length)
    throw wrong(
      `input \`${name}\` has ${declared.length} dimensions, [${declared.join(",")}], and gets lists nested ${nested.length} deep`,
    );
  return nested;
}

function pack(items: ArrayLike<unknown>, row: DatatypeRow, name: string, data: unknown): Uint8Array {
  if (!row.array) return packByteStrings(Array.from(items, (item, i) => text(item, name, i)));
  if (row.kind === "float" && row.bytes === 2) {
    if (items instanceof Uint16Array) return bytesOf(items);
    const numbers = Float64Array.from(items, (item, i) => float(item, name, i, row.wire as WireType));
    return bytesOf(row.wire === "FP16" ? toHalves(numbers) : toBfloats(numbers));
  }
  if (ArrayBuffer.isView(data) && !Array.isArray(data))
    throw wrong(
      `input \`${name}\` is ${row.wire} and gets a ${data.constructor.name}: give a ${row.array.name}, or a list of plain values, which are checked`,
    );
  const out = new row.array(items.length);
  const read = row.kind === "float" ? float : row.kind === "bool" ? flag : row.bytes === 8 ? long : integer;
  for (let i = 0; i < items.length; i++) out[i] = read(items[i], name, i, row.wire as WireType) as never;
  return bytesOf(out);
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);

const isShaped = (
  value: unknown,
): value is { readonly shape: readonly number[]; readonly data: unknown; readonly datatype?: string } =>
  isObject(value) && "shape" in value && "data" in value;

const odd = (item: unknown, name: string, i: number, wanted: string): never => {
  const seen = typeof item === "string" ? JSON.stringify(item) : String(item);
  throw wrong(`input \`${name}\`: element ${i} is ${seen}, and ${wanted}`);
};

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  UINT8: [0, 2 ** 8 - 1],
  UINT16: [0, 2 ** 16 - 1],
  UINT32: [0, 2 ** 32 - 1],
  INT8: [-(2 ** 7), 2 ** 7 - 1],
  INT16: [-(2 ** 15), 2 ** 15 - 1],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
};

function integer(item: unknown, name: string, i: number, wire: WireType): number {
  const [least, most] = RANGES[wire]!;
  const value = typeof item === "bigint" ? Number(item) : item;
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  return odd(item, name, i, `${wire} takes integers from ${least} to ${most}`);
}

function long(item: unknown, name: string, i: number, wire: WireType): bigint {
  if (typeof item === "number" && !Number.isSafeInteger(item))
    odd(item, name, i, `${wire} takes integers: beyond ±2^53 as bigint`);
  if (typeof item !== "number" && typeof item !== "bigint") odd(item, name, i, `${wire} takes integers`);
  const value = BigInt(item as bigint | number);
  const same = wire === "INT64" ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
  return same === value ? value : odd(item, name, i, `that is beyond ${wire}`);
}

function float(item: unknown, name: string, i: number, wire: WireType): number {
  return typeof item === "number" ? item : odd(item, name, i, `${wire} takes numbers`);
}

function flag(item: unknown, name: string, i: number): number {
  if (item === true || item === 1) return 1;
  return item === false || item === 0 ? 0 : odd(item, name, i, "BOOL takes true and false, or 1 and 0");
}

function text(item: unknown, name: string, i: number): string | Uint8Array {
  return typeof item === "string" || item instanceof Uint8Array
    ? item
    : odd(item, name, i, "BYTES takes strings or bytes");
}
