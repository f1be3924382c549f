// Protobuf's wire form against protobufjs: what is written, what is read, and bytes that stop or lie.
import fc from "fast-check";
import protobuf from "protobufjs/minimal.js";
import { describe, expect, test } from "vitest";
import {
  type Cursor,
  cursor,
  nextTag,
  readInt64,
  readSafeInt,
  readSpan,
  readString,
  readUint32,
  skipField,
  spanBytes,
  take,
  WireError,
} from "#formats/bytes/wire.js";
import {
  bytesMember,
  type Field,
  fixed32Member,
  fixed64Member,
  message,
  stringMember,
  varint,
  varintMember,
} from "#formats/bytes/wire-writer.js";

type Value =
  | { readonly kind: "int64"; readonly value: bigint }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "bytes"; readonly value: Uint8Array }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "double"; readonly value: number };

/** Around each length of a varint, and anything else. */
const edges = Array.from({ length: 10 }, (_, n) => 2n ** BigInt(7 * n)).flatMap(n => [n - 1n, n, -n, 1n - n]);
const int64 = fc.oneof(
  fc.constantFrom(...edges.filter(n => BigInt.asIntN(64, n) === n), 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n, 2n ** 31n),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.record({ kind: fc.constant("int64" as const), value: int64 }),
  fc.record({ kind: fc.constant("text" as const), value: fc.string({ unit: "binary", maxLength: 200 }) }),
  fc.record({ kind: fc.constant("bytes" as const), value: fc.uint8Array({ maxLength: 200 }) }),
  fc.record({ kind: fc.constant("float" as const), value: fc.float() }),
  fc.record({ kind: fc.constant("double" as const), value: fc.double() }),
);
const number = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(15, 16, 2047, 2048, 2 ** 27));
const fields = fc.array(fc.tuple(number, value), { maxLength: 8 });

const ours = ([number, of]: readonly [number, Value]): Field => {
  switch (of.kind) {
    case "int64":
      return varintMember(number, of.value);
    case "text":
      return stringMember(number, of.value);
    case "bytes":
      return bytesMember(number, of.value);
    case "float":
      return fixed32Member(number, of.value);
    case "double":
      return fixed64Member(number, of.value);
  }
};
const TYPES = { int64: 0, text: 2, bytes: 2, float: 5, double: 1 } as const;

/** protobufjs takes 64 bits as two words. */
function theirs(all: readonly (readonly [number, Value])[]): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const [number, of] of all) {
    writer.uint32(((number << 3) | TYPES[of.kind]) >>> 0);
    if (of.kind === "int64") {
      const bits = BigInt.asUintN(64, of.value);
      writer.uint64(new protobuf.util.LongBits(Number(bits & 0xffffffffn), Number(bits >> 32n)).toLong() as never);
    } else if (of.kind === "text") writer.string(of.value);
    else if (of.kind === "bytes") writer.bytes(of.value);
    else if (of.kind === "float") writer.float(of.value);
    else writer.double(of.value);
  }
  return writer.finish();
}

function read(c: Cursor, kind: Value["kind"]): unknown {
  const view = (at: number) => new DataView(c.bytes.buffer, c.bytes.byteOffset + at);
  switch (kind) {
    case "int64":
      return readInt64(c);
    case "text":
      return readString(c);
    case "bytes":
      return spanBytes(readSpan(c));
    case "float":
      return view(take(c, 4)).getFloat32(0, true);
    case "double":
      return view(take(c, 8)).getFloat64(0, true);
  }
}

test("fields are written as protobufjs writes them, and read back", () => {
  fc.assert(
    fc.property(fields, all => {
      const bytes = message(...all.map(ours));
      expect(Buffer.from(bytes)).toEqual(Buffer.from(theirs(all)));
      // In the middle of a buffer, as a file's are.
      const inside = Buffer.concat([Buffer.of(255), bytes, Buffer.of(255)]);
      const c = cursor(inside, 1, inside.length - 1);
      for (const [number, { kind, value }] of all) {
        expect(nextTag(c)).toBe(((number << 3) | TYPES[kind]) >>> 0);
        const seen = read(c, kind);
        if (kind === "bytes") expect(Buffer.from(seen as Uint8Array)).toEqual(Buffer.from(value as Uint8Array));
        else expect(seen).toBe(kind === "text" ? Buffer.from(value as string).toString() : value);
      }
      expect(nextTag(c)).toBe(0);
      const skipped = cursor(bytes);
      let count = 0;
      for (let tag = nextTag(skipped); tag !== 0; tag = nextTag(skipped), count++) skipField(skipped, tag);
      expect([count, skipped.at]).toEqual([all.length, bytes.length]);
    }),
    { numRuns: 500, examples: [[[[1, { kind: "text", value: "\ufeffa" }]]]] },
  );
});

test("numbers in the width that they are read", () => {
  fc.assert(
    fc.property(int64, of => {
      const bytes = varint(of);
      expect(readUint32(cursor(bytes))).toBe(Number(BigInt.asUintN(32, of)));
      if (Number.isSafeInteger(Number(of))) expect(readSafeInt(cursor(bytes))).toBe(Number(of));
      else expect(() => readSafeInt(cursor(bytes))).toThrow(/a number beyond 2\^53/);
    }),
    { numRuns: 500 },
  );
});

describe("bytes that are not a message", () => {
  test("cut anywhere: an error of the format, or the fields before", () => {
    fc.assert(
      fc.property(fields, fc.nat(), (all, nth) => {
        const parts = all.map(ours);
        const bytes = message(...parts);
        const at = nth % (bytes.length + 1);
        const ends = [0, ...parts.map((_, i) => message(...parts.slice(0, i + 1)).length)];
        const walk = (): void => {
          const c = cursor(bytes, 0, at);
          for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) skipField(c, tag);
        };
        if (ends.includes(at)) walk();
        else expect(walk).toThrow(WireError);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["a field without a number", [0x00], "byte 0 is not the start of a field"],
    ["a group", [0x0b], "byte 1: wire type 3 is not one of 0, 1, 2 and 5"],
    [
      "a number of eleven bytes",
      [0x08, ...new Array<number>(10).fill(0x80), 1],
      "byte 11 belongs to a number of more than ten bytes",
    ],
    ["a number that stops", [0x08, 0x80], "the data stops at byte 2, in the middle of a number"],
    ["a length beyond the end", [0x0a, 3, 1, 2], "byte 2 announces 3 bytes and only 2 follow"],
    ["a length below zero", [0x0a, ...varint(-1n)], "byte 11 announces -1 bytes and only 0 follow"],
    ["a length of a petabyte", [0x0a, ...varint(2n ** 60n)], "byte 10: a number beyond 2^53"],
    ["eight bytes that are four", [0x09, 1, 2, 3, 4], "byte 1 announces 8 bytes and only 4 follow"],
    ["four bytes that are three", [0x0d, 1, 2, 3], "byte 1 announces 4 bytes and only 3 follow"],
  ])("%s", (_, bytes, message) => {
    const c = cursor(Uint8Array.from(bytes));
    const walk = (): void => {
      for (let tag = nextTag(c); tag !== 0; tag = nextTag(c)) skipField(c, tag);
    };
    expect(walk).toThrow(message);
  });
});
