// JSON objects as `google.protobuf.Struct`, against protobufjs' own.
import fc from "fast-check";
import protobuf from "protobufjs";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "#contract/schema.js";
import { decodeStruct, encodeStruct, type JsonObject } from "#formats/feast/struct-value.js";

const root = protobuf.Root.fromJSON(protobuf.common.get("google/protobuf/struct.proto")!);
const Struct = root.lookupType("google.protobuf.Struct");

interface StructObject {
  readonly fields?: Readonly<Record<string, ValueObject>>;
}
interface ValueObject {
  readonly nullValue?: unknown;
  readonly numberValue?: number;
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly structValue?: StructObject;
  readonly listValue?: { readonly values?: readonly ValueObject[] };
}
const structOf = (object: JsonObject): StructObject => ({
  fields: Object.fromEntries(Object.entries(object).map(([name, value]) => [name, memberOf(value)])),
});
function memberOf(value: JsonValue): ValueObject {
  if (value === null) return { nullValue: 0 };
  if (typeof value === "number") return { numberValue: value };
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Array.isArray(value)
    ? { listValue: { values: value.map(memberOf) } }
    : { structValue: structOf(value as JsonObject) };
}

const name = fc.string({ unit: "grapheme", maxLength: 4 }).filter(text => text !== "__proto__");
const { value } = fc.letrec<{ value: JsonValue }>(tie => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.string({ unit: "grapheme", maxLength: 5 }),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(name, tie("value"), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
const object = fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true }) as fc.Arbitrary<JsonObject>;

test("protobufjs reads our output, and we read its", () => {
  fc.assert(
    fc.property(object, given => {
      const bytes = encodeStruct(given);
      const theirs = Struct.encode(Struct.fromObject(structOf(given))).finish();
      expect(decodeStruct(bytes)).toEqual(given);
      expect(decodeStruct(theirs)).toEqual(given);
      expect(Struct.toObject(Struct.decode(bytes))).toEqual(Struct.toObject(Struct.decode(theirs)));
    }),
    { numRuns: 300 },
  );
});

test("a member that is named as an object's prototype is a member as any other, however deep", () => {
  const given = JSON.parse('{"__proto__":{"num_buckets":9},"a":{"__proto__":[1]},"constructor":null}') as JsonObject;
  const read = decodeStruct(encodeStruct(given));
  expect(JSON.stringify(read)).toBe(JSON.stringify(given));
  expect([Object.getPrototypeOf(read), (read as { num_buckets?: unknown }).num_buckets]).toEqual([
    Object.prototype,
    undefined,
  ]);
});

describe("bytes that are not a Struct", () => {
  test("cut anywhere: an error, or fewer members", () => {
    fc.assert(
      fc.property(object, fc.nat(), (given, nth) => {
        const bytes = encodeStruct(given);
        const cut = bytes.subarray(0, nth % (bytes.length + 1));
        try {
          expect(Object.keys(decodeStruct(cut)).length).toBeLessThanOrEqual(Object.keys(given).length);
        } catch (error) {
          expect(error).toMatchObject({ name: "WireError" });
        }
      }),
      { numRuns: 300 },
    );
  });
});
