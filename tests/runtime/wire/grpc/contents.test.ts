/**
 * Typed contents beside protobufjs: packed or one by one, short and long elements, messages in parts, slices of any size.
 */
import fc from "fast-check";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import { UNMETERED } from "#runtime/base/memory/request-meter.js";
import { Contents } from "#runtime/wire/grpc/contents.js";
import { Cursor } from "#runtime/wire/grpc/wire.js";

const { root } = protobuf.parse(`syntax = "proto3"; message Contents {
  repeated bool f1 = 1; repeated int32 f2 = 2; repeated int64 f3 = 3; repeated uint32 f4 = 4;
  repeated uint64 f5 = 5; repeated float f6 = 6; repeated double f7 = 7; repeated bytes f8 = 8; }`);
const ORIGINAL = root.lookupType("Contents");

const varint = (value: bigint): Buffer => {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, value);
  for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) | 128);
  return Buffer.from([...bytes, Number(left)]);
};
const tagged = (field: number, type: number, bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([field * 8 + type]), bytes]);
const sized = (field: number, bytes: Buffer): Buffer =>
  tagged(field, 2, Buffer.concat([varint(BigInt(bytes.length)), bytes]));

const whole = fc.oneof(
  fc.constantFrom(0n, 1n, 2n, 127n, 128n, 300n, -1n, 2n ** 31n, -(2n ** 40n)),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
);
const few = <T>(of: fc.Arbitrary<T>) => fc.array(of, { minLength: 1, maxLength: 12 });
/** Runs of one field: each is a list of wire elements. */
const varints = fc
  .tuple(fc.integer({ min: 1, max: 5 }), few(whole), fc.boolean())
  .map(([field, values, packed]) =>
    packed
      ? sized(field, Buffer.concat(values.map(varint)))
      : Buffer.concat(values.map(v => tagged(field, 0, varint(v)))),
  );
const fixed = fc
  .tuple(fc.constantFrom(6, 7), few(fc.double({ noNaN: true })), fc.boolean())
  .map(([field, values, packed]) => {
    const bytes = values.map(v => Buffer.from((field === 6 ? Float32Array : Float64Array).of(v).buffer));
    return packed
      ? sized(field, Buffer.concat(bytes))
      : Buffer.concat(bytes.map(b => tagged(field, field === 6 ? 5 : 1, b)));
  });
const strings = few(fc.constantFrom(0, 1, 2, 31, 32, 33, 127, 128, 300)).map(sizes =>
  Buffer.concat(sizes.map((size, i) => sized(8, Buffer.alloc(size, i + 1)))),
);
const unknown = fc.constantFrom(tagged(9, 0, varint(300n)), sized(15, Buffer.from("?")));
const message = fc
  .array(fc.oneof(varints, varints, fixed, strings, unknown), { maxLength: 8 })
  .map(all => Buffer.concat(all));

type Decoded = Record<string, readonly unknown[] | undefined>;

function expected(bytes: Buffer): Map<number, string> {
  const { f1, f2, f3, f4, f5, f6, f7, f8 } = ORIGINAL.decode(bytes) as unknown as Decoded;
  const longs = (values: readonly unknown[]) => BigInt64Array.from(values, value => BigInt(String(value)));
  const raw: (readonly [number, ArrayBufferView | undefined])[] = [
    [1, f1 && Uint8Array.from(f1, Number)],
    [2, f2 && Int32Array.from(f2 as number[])],
    [3, f3 && longs(f3)],
    [4, f4 && Uint32Array.from(f4 as number[])],
    [5, f5 && BigUint64Array.from(f5, value => BigInt(String(value)))],
    [6, f6 && Float32Array.from(f6 as number[])],
    [7, f7 && Float64Array.from(f7 as number[])],
    [
      8,
      f8 &&
        Buffer.concat((f8 as Uint8Array[]).flatMap(text => [Buffer.from(Uint32Array.of(text.length).buffer), text])),
    ],
  ];
  return new Map(
    raw.flatMap(([field, view]) =>
      view && view.byteLength > 0
        ? [[field, Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString("hex")]]
        : [],
    ),
  );
}

test("contents are protobufjs's, however they are written, cut into parts and sliced", () => {
  const property = fc.property(message, message, fc.integer({ min: 1, max: 64 }), (first, second, slice) => {
    const contents = new Contents([new Cursor(Buffer.from(first)), new Cursor(Buffer.from(second))], "", UNMETERED);
    while (!contents.read(slice));
    const found = [...contents.raw()].filter(([, bytes]) => bytes.length > 0);
    expect(new Map(found.map(([field, bytes]) => [field, bytes.toString("hex")]))).toEqual(
      expected(Buffer.concat([first, second])),
    );
  });
  fc.assert(property, { numRuns: 2000 });
});

test("bytes of a message that end anywhere are refused or read as protobufjs does", () => {
  const property = fc.property(message, fc.nat(), fc.integer({ min: 1, max: 64 }), (whole, cut, slice) => {
    const bytes = whole.subarray(0, whole.length === 0 ? 0 : cut % whole.length);
    const read = (decode: () => Map<number, string>): unknown => {
      try {
        return decode();
      } catch {
        return "refused";
      }
    };
    const ours = read(() => {
      const contents = new Contents([new Cursor(Buffer.from(bytes))], "", UNMETERED);
      while (!contents.read(slice));
      return new Map(
        [...contents.raw()].filter(([, raw]) => raw.length > 0).map(([field, raw]) => [field, raw.toString("hex")]),
      );
    });
    expect(ours).toEqual(read(() => expected(Buffer.from(bytes))));
  });
  fc.assert(property, { numRuns: 2000 });
});
