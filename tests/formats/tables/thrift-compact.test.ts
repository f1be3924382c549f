// Thrift's compact protocol against a second encoder of the specification: what is written, each form that is read, and bytes that stop.
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Field,
  type List,
  printStruct,
  readStruct,
  type Struct,
  type Value,
} from "#formats/tables/thrift-compact.js";

const uleb = (value: bigint): number[] =>
  value < 128n ? [Number(value)] : [Number(value % 128n) + 128, ...uleb(value / 128n)];
const zigzag = (value: number): number[] => uleb(value < 0 ? -2n * BigInt(value) - 1n : 2n * BigInt(value));

/** Forms that a writer may choose between: a field's number in full, and the length of a list in full. */
interface Forms {
  readonly fullNumbers: boolean;
  readonly fullLengths: boolean;
}
const SHORT: Forms = { fullNumbers: false, fullLengths: false };

function encoded(value: Value, type: number, forms: Forms): number[] {
  if (value instanceof Map) {
    let before = 0;
    const fields = [...(value as Struct)].flatMap(([number, field]) => {
      const delta = number - before;
      before = number;
      const isShort = !forms.fullNumbers && delta >= 1 && delta <= 15;
      const head = isShort ? [delta * 16 + field.type] : [field.type, ...zigzag(number)];
      return [...head, ...(typeof field.value === "boolean" ? [] : encoded(field.value, field.type, forms))];
    });
    return [...fields, 0];
  }
  if (value instanceof Uint8Array) return type === 8 ? [...uleb(BigInt(value.length)), ...value] : [...value];
  if (typeof value === "object") {
    const { type: of, items } = value as List;
    const isShort = !forms.fullLengths && items.length < 15;
    const head = isShort ? [items.length * 16 + of] : [0xf0 + of, ...uleb(BigInt(items.length))];
    return [...head, ...items.flatMap(item => encoded(item, of, forms))];
  }
  if (typeof value === "boolean") return [value ? 1 : 2];
  return type === 3 ? [value] : zigzag(value);
}
const encode = (struct: Struct, forms = SHORT): Uint8Array => Uint8Array.from(encoded(struct, 12, forms));

const EDGES = [0, 1, -1, 63, 64, -64, -65, 8191, 8192, 2 ** 31 - 1, -(2 ** 31), 2 ** 32, 2 ** 51, -(2 ** 52)];
const integer = fc.oneof(fc.constantFrom(...EDGES), fc.integer({ min: -(2 ** 51), max: 2 ** 51 }));
const leaves: readonly (readonly [number, fc.Arbitrary<Value>])[] = [
  [3, fc.nat({ max: 255 })],
  [4, integer],
  [5, integer],
  [6, integer],
  [7, fc.uint8Array({ minLength: 8, maxLength: 8 })],
  [8, fc.uint8Array({ maxLength: 200 })],
];
const number = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(-3, 0, 15, 16, 17, 127, 128, 32_767));

const { struct } = fc.letrec<{ struct: Struct; list: List; field: Field }>(tie => ({
  list: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(
      ...leaves.map(([type, of]) => fc.record({ type: fc.constant(type), items: fc.array(of, { maxLength: 20 }) })),
      fc.record({ type: fc.constantFrom(1, 2), items: fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }) }),
    ),
    fc.record({ type: fc.constant(12), items: fc.array(tie("struct"), { maxLength: 17 }) }),
    fc.record({ type: fc.constantFrom(9, 10), items: fc.array(tie("list"), { maxLength: 3 }) }),
  ) as fc.Arbitrary<List>,
  field: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(
      ...leaves.map(([type, of]) => fc.record({ type: fc.constant(type), value: of })),
      fc.boolean().map(value => ({ type: value ? 1 : 2, value })),
    ),
    fc.record({ type: fc.constant(12), value: tie("struct") }),
    fc.record({ type: fc.constantFrom(9, 10), value: tie("list") }),
  ) as fc.Arbitrary<Field>,
  struct: fc
    .uniqueArray(fc.tuple(number, tie("field")), { maxLength: 6, selector: ([n]) => n })
    .map(fields => new Map(fields) as Struct),
}));
const forms = fc.record({ fullNumbers: fc.boolean(), fullLengths: fc.boolean() });

describe("bytes that are not a struct", () => {
  const END = "the bytes end within a value";
  test.each<[string, number[], string]>([
    ["a map", [0x1b, 0], "a value has type 11, which is none of a footer's"],
    ["a type that is none", [0x1d, 0], "a value has type 13, which is none of a footer's"],
    ["a list of them", [0x19, 0x1b, 0], "a value has type 11"],
    ["an integer beyond 2^53", [0x16, ...uleb(2n ** 53n), 0], "an integer is beyond 2^53"],
    ["an integer without an end", [0x16, ...new Array<number>(200).fill(0xff), 0], "an integer is beyond 2^53"],
    ["a text beyond the end", [0x18, 3, 1, 2], END],
    ["a text that would end with the struct", [0x18, 2, 1, 0], END],
    ["more items than bytes", [0x19, 0xf3, ...uleb(2n ** 52n), 0], END],
    ["as many items as an array holds", [0x19, 0xf3, ...uleb(2n ** 25n), 0], END],
  ])("%s", (_, bytes, message) => {
    expect(() => readStruct(Uint8Array.from(bytes))).toThrow(message);
  });
  test("the largest integers, each of which is read", () => {
    const read = (value: bigint): unknown => readStruct(Uint8Array.from([0x16, ...uleb(value), 0])).get(1)!.value;
    expect([read(2n ** 53n - 1n), read(2n ** 53n - 2n)]).toEqual([-(2 ** 52), 2 ** 52 - 1]);
  });
  test("cut anywhere", () => {
    fc.assert(
      fc.property(struct, forms, fc.nat(), (of, form, nth) => {
        const bytes = encode(of, form);
        expect(() => readStruct(bytes.subarray(0, nth % bytes.length))).toThrow(END);
      }),
      { numRuns: 100 },
    );
  });
});

test("a struct is written in the short forms, and read in each form", () => {
  fc.assert(
    fc.property(struct, forms, (of, form) => {
      expect(Buffer.from(printStruct(of))).toEqual(Buffer.from(encode(of)));
      expect(readStruct(encode(of, form))).toEqual(of);
      // Bytes behind a struct do not belong to it.
      expect(readStruct(Uint8Array.of(...encode(of, form), 0x15, 2))).toEqual(of);
    }),
    { numRuns: 100 },
  );
});
