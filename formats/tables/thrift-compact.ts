/** Thrift's compact protocol, which Parquet's footer uses: bytes ↔ structs by field number. */

/** The types of values, by their number in the protocol. */
export const TYPE = {
  true: 1,
  false: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  struct: 12,
} as const;

export interface List {
  readonly type: number;
  readonly items: readonly Value[];
}
/** A double stays the eight bytes it is. */
export type Value = boolean | number | Uint8Array | List | Struct;
export type Struct = ReadonlyMap<number, Field>;
export interface Field {
  readonly type: number;
  readonly value: Value;
}

/** @throws Error for bytes that are not a struct, or hold a map or an integer beyond 2^53, which Parquet's footers do not */
export function readStruct(bytes: Uint8Array): Struct {
  let at = 0;
  const byte = (): number => {
    if (at >= bytes.length) throw new Error("the bytes end within a value");
    return bytes[at++]!;
  };
  const varint = (): number => {
    let [value, scale] = [0, 1];
    for (let b = byte(); ; b = byte()) {
      value += (b & 127) * scale;
      if (b < 128) break;
      scale *= 128;
    }
    if (!Number.isSafeInteger(value)) throw new Error("an integer is beyond 2^53");
    return value;
  };
  const integer = (): number => {
    const zigzag = varint();
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  };
  const take = (count: number): Uint8Array => {
    if (at + count > bytes.length) throw new Error("the bytes end within a value");
    at += count;
    return bytes.subarray(at - count, at);
  };
  const list = (): List => {
    const head = byte();
    const [type, size] = [head & 15, head >> 4 === 15 ? varint() : head >> 4];
    // An item takes a byte at least: no memory for items that are not there.
    if (size > bytes.length - at) throw new Error("the bytes end within a value");
    return { type, items: Array.from({ length: size }, () => (type <= TYPE.false ? byte() === 1 : value(type))) };
  };
  const struct = (): Struct => {
    const fields = new Map<number, Field>();
    let number = 0;
    for (let head = byte(); head !== 0; head = byte()) {
      const type = head & 15;
      number = head >> 4 === 0 ? integer() : number + (head >> 4);
      fields.set(number, { type, value: type <= TYPE.false ? type === TYPE.true : value(type) });
    }
    return fields;
  };
  const value = (type: number): Value => {
    switch (type) {
      case TYPE.byte:
        return byte();
      case TYPE.i16:
      case TYPE.i32:
      case TYPE.i64:
        return integer();
      case TYPE.double:
        return take(8);
      case TYPE.binary:
        return take(varint());
      case TYPE.list:
      case TYPE.set:
        return list();
      case TYPE.struct:
        return struct();
      default:
        throw new Error(`a value has type ${type}, which is none of a footer's`);
    }
  };
  return struct();
}

export function printStruct(of: Struct): Uint8Array {
  const bytes: number[] = [];
  const varint = (value: number): void => {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
    bytes.push(rest);
  };
  const integer = (value: number): void => varint(value < 0 ? -2 * value - 1 : 2 * value);
  const raw = (value: Uint8Array): void => {
    for (const b of value) bytes.push(b);
  };
  const list = ({ type, items }: List): void => {
    if (items.length < 15) bytes.push((items.length << 4) | type);
    else {
      bytes.push(0xf0 | type);
      varint(items.length);
    }
    for (const item of items) {
      if (type <= TYPE.false) bytes.push(item === true ? 1 : 2);
      else value(type, item);
    }
  };
  const struct = (fields: Struct): void => {
    let last = 0;
    for (const [number, field] of fields) {
      const type = typeof field.value === "boolean" ? (field.value ? TYPE.true : TYPE.false) : field.type;
      const delta = number - last;
      if (delta > 0 && delta < 16) bytes.push((delta << 4) | type);
      else {
        bytes.push(type);
        integer(number);
      }
      last = number;
      if (type > TYPE.false) value(type, field.value);
    }
    bytes.push(0);
  };
  const value = (type: number, of: Value): void => {
    if (type === TYPE.byte) bytes.push(of as number);
    else if (type === TYPE.binary) {
      varint((of as Uint8Array).length);
      raw(of as Uint8Array);
    } else if (type === TYPE.double) raw(of as Uint8Array);
    else if (type === TYPE.list || type === TYPE.set) list(of as List);
    else if (type === TYPE.struct) struct(of as Struct);
    else integer(of as number);
  };
  struct(of);
  return Uint8Array.from(bytes);
}
