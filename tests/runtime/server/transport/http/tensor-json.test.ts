/**
 * Elements of tensors from JSON and to JSON: bit for bit what the engine's own parser and converters make of them, whatever the nesting.
 */
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { bufferPool } from "#runtime/base/memory/buffer-pool.js";
import { atOnce } from "#runtime/base/slices.js";
import { elementsOf } from "#runtime/server/transport/http/read-elements.js";
import { printElements } from "#runtime/server/transport/http/tensor-json.js";
import type { DataList } from "#runtime/wire/json/data-list.js";
import { type JsonObject, parseJson } from "#runtime/wire/json/json.js";
import { membersOf } from "#runtime/wire/json/json-kept.js";
import { type DatatypeRow, type WireType, wireDatatype } from "#triton-protos/datatype.js";
import { withPauses } from "./support.js";

const RUNS = Number(process.env.NUMBER_RUNS ?? 300);
const row = (wire: string): DatatypeRow => wireDatatype(wire)!;
const DATA = membersOf({ data: { isData: true } });
const read = (text: string, datatype: string, elements: number): Uint8Array =>
  complete(elementsOf(dataOf(text), row(datatype), elements));
const complete = (read: ReturnType<typeof elementsOf>): Uint8Array =>
  read instanceof Uint8Array ? read : atOnce(read);
const dataOf = (text: string): DataList =>
  (parseJson(Buffer.from(`{"data":${text}}`), DATA) as JsonObject).get("data") as DataList;
const bytesOf = (values: ArrayBufferView): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
const fault = (act: () => unknown): string | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};

/** Digits with a point somewhere and an exponent: mostly more than a double can hold. */
const written = fc
  .tuple(
    fc.boolean(),
    fc.bigInt({ min: 0n, max: 10n ** 22n }),
    fc.nat(24),
    fc.integer({ min: -30, max: 30 }),
    fc.nat(2),
  )
  .map(([negative, digits, places, exponent, form]) => {
    const text = String(digits).padStart(places + 1, "0");
    const split = text.length - places;
    const fraction = places > 0 ? `.${text.slice(split)}` : ".0";
    return `${negative ? "-" : ""}${text.slice(0, split).replace(/^0+(?=\d)/, "")}${fraction}${["", `e${exponent}`, `E${exponent < 0 ? "" : "+"}${exponent}`][form]}`;
  });
/** Decimals half-way between two doubles, and just beside that: integers of 2^50 and more with the fraction that half a unit is. */
const halfWay = fc
  .tuple(fc.constantFrom(50, 51, 52, 53), fc.bigInt({ min: 0n, max: 2n ** 50n - 1n }), fc.constantFrom("", "0001", "9"))
  .map(([power, offset, beside]) => {
    if (power === 53) return `${2n ** 53n + 2n * offset + 1n}.0${beside}`;
    return `${2n ** BigInt(power) + offset}${{ 50: ".125", 51: ".25", 52: ".5" }[power]}${beside}`;
  });
const numbers = fc.oneof(
  written,
  halfWay,
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map(value => String(Math.fround(value))),
  fc.integer().map(String),
  fc.nat(1000).map(value => (value / 4).toFixed(2)),
);

test("floating-point tensors hold the nearest numbers", () => {
  fc.assert(
    fc.property(
      fc.array(numbers, { minLength: 1, maxLength: 120 }),
      fc.constantFrom(",", " , ", ",\n\t"),
      (list, comma) => {
        const values = list.map(text => (/^-0$/.test(text) ? 0 : Number(text)));
        fc.pre(values.every(Number.isFinite));
        const text = `[${list.join(comma)}]`;
        expect(read(text, "FP64", list.length)).toEqual(new Uint8Array(bytesOf(Float64Array.from(values))));
        expect(read(text, "FP32", list.length)).toEqual(new Uint8Array(bytesOf(Float32Array.from(values))));
      },
    ),
    { numRuns: RUNS },
  );
});

test("integer tensors wrap as before, and print what they hold", () => {
  const integers = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.nat(9));
  fc.assert(
    fc.property(fc.array(integers, { minLength: 40, maxLength: 90 }), list => {
      const text = `[${list.join(",")}]`;
      const count = list.length;
      expect(read(text, "INT64", count)).toEqual(new Uint8Array(bytesOf(BigInt64Array.from(list.map(BigInt)))));
      expect(read(text, "INT16", count)).toEqual(new Uint8Array(bytesOf(Int16Array.from(list))));
      const positive = list.map(Math.abs);
      const unsigned = `[${positive.join(",")}]`;
      expect(read(unsigned, "UINT64", count)).toEqual(
        new Uint8Array(bytesOf(BigUint64Array.from(positive.map(BigInt)))),
      );
      expect(read(unsigned, "UINT32", count)).toEqual(new Uint8Array(bytesOf(Uint32Array.from(positive))));
    }),
    { numRuns: RUNS },
  );
  const arrays = {
    INT8: Int8Array.of(-128, 127, 0),
    UINT8: Uint8Array.of(255, 0),
    INT16: Int16Array.of(-32768, 32767),
    UINT32: Uint32Array.of(2 ** 32 - 1, 2 ** 31, 1e9, 999_999_999),
    INT32: Int32Array.of(-(2 ** 31), 2 ** 31 - 1, -7),
    INT64: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, -1n, 2n ** 53n, -(2n ** 32n), 1_000_000_000n),
    UINT64: BigUint64Array.of(2n ** 64n - 1n, 2n ** 63n, 0n, 2n ** 53n - 1n),
  };
  for (const [datatype, values] of Object.entries(arrays))
    expect(
      printElements({
        name: "x",
        datatype: datatype as WireType,
        shape: [values.length],
        data: new Uint8Array(values.buffer),
      }),
    ).toBe([...values].join(","));
});

test("long rows and short ones, nested or not, are one tensor", () => {
  const long = Array.from({ length: 50 }, (_, i) => i + 0.5);
  const nested = JSON.stringify([
    [long, [1, 2]],
    [[3.25], long],
  ]);
  expect(read(nested, "FP32", 103)).toEqual(new Uint8Array(bytesOf(Float32Array.from([...long, 1, 2, 3.25, ...long]))));
  expect(read(JSON.stringify([long, long]), "FP64", 100)).toEqual(
    new Uint8Array(bytesOf(Float64Array.from([...long, ...long]))),
  );
  const deep = (depth: number): string => `${"[".repeat(depth - 1)}${JSON.stringify(long)}${"]".repeat(depth - 1)}`;
  expect(fault(() => read(deep(99), "FP32", 50))).toBeUndefined();
  expect(fault(() => read(deep(100), "FP32", 50))).toBe(
    "Unable to parse 'data': JSON nesting depth exceeds maximum allowed limit (100)",
  );
});

test("lists without an element may nest one level deeper", () => {
  const tooDeep = /JSON nesting depth exceeds maximum allowed limit \(100\)/;
  const empty = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  expect(fault(() => read(empty(100), "FP32", 0))).toBeUndefined();
  expect(fault(() => read(empty(101), "FP32", 0))).toMatch(tooDeep);
  expect(fault(() => read(empty(100), "BYTES", 0))).toBe("Failed to parse 'data' field: output buffer unavailable");
  expect(fault(() => read(empty(101), "BYTES", 0))).toMatch(tooDeep);
});

test("integers of 64 bits in all their digits, one after the other, are printed whole", () => {
  const values = BigInt64Array.from({ length: 5000 }, (_, i) => -(2n ** 63n) + BigInt(i));
  const data = new Uint8Array(values.buffer);
  expect(printElements({ name: "x", datatype: "INT64", shape: [values.length], data })).toBe([...values].join(","));
});

test("what an element may not be is refused in the same words in long arrays and short ones", () => {
  const plain = Array.from({ length: 60 }, (_, i) => i);
  for (const [datatype, odd] of [
    ["INT32", "1.5"],
    ["INT32", "2.0"],
    ["UINT8", "-1"],
    ["UINT64", "1e3"],
    ["BOOL", "1"],
    ["BYTES", "1"],
  ] as const) {
    const short = fault(() => read(`[${odd}]`, datatype, 1));
    expect(short, `${datatype} ${odd}`).toMatch(/^Unable to parse/);
    expect(fault(() => read(`[${[...plain, odd].join(",")}]`, datatype, 61))).toBe(short);
  }
  const text = JSON.stringify(plain);
  expect(fault(() => read(text, "INT32", 59))).toBe(
    "Unable to parse 'data': Shape does not match true shape of 'data' field",
  );
  expect(fault(() => read(text, "INT32", 61))).toBe("Failed to parse 'data' field: shape does not match true shape");
});

test("lists of several parts, and integers that no double holds among them, are one tensor", () => {
  const length = 10_000;
  const plain = Array.from({ length }, (_, i) => i * 3 - length);
  expect(read(JSON.stringify(plain), "INT32", length)).toEqual(new Uint8Array(bytesOf(Int32Array.from(plain))));
  const halves = plain.map(value => value / 2);
  expect(read(JSON.stringify(halves), "FP64", length)).toEqual(new Uint8Array(bytesOf(Float64Array.from(halves))));
  const wide = plain.map((value, i) => (i % 2500 === 7 ? 2n ** 63n - BigInt(i) : BigInt(Math.abs(value))));
  const text = `[${wide.join(",")}]`;
  expect(read(text, "INT64", length)).toEqual(new Uint8Array(bytesOf(BigInt64Array.from(wide))));
  expect(read(text, "UINT64", length)).toEqual(new Uint8Array(bytesOf(BigUint64Array.from(wide))));
  expect(read(text, "FP64", length)).toEqual(new Uint8Array(bytesOf(Float64Array.from(wide, Number))));
  expect(read("[]", "INT32", 0)).toHaveLength(0);
});

/** How often the reading of a list pauses; nothing where it is read at once. */
const pausesOf = (text: string, datatype: string, elements: number): number | undefined => {
  const reading = elementsOf(dataOf(text), row(datatype), elements);
  return reading instanceof Uint8Array ? undefined : withPauses(reading).pauses;
};
const ones = (count: number): string => `[${Array(count).fill(1)}]`;
const HUGE = 2n ** 62n + 1n;

test("numbers of more than 2048 elements are read with a pause between their parts, and before wide integers", () => {
  // The parts of a list have 256 elements, then 2048, then 16,384.
  expect([256, 2048, 2049, 2304, 2305, 20_000].map(count => pausesOf(ones(count), "INT32", count))).toEqual([
    ...[undefined, undefined, 1, 1, 2, 3],
  ]);
  const wide = (count: number): string => `[${HUGE},${ones(count - 1).slice(1)}`;
  expect([2048, 2049].map(count => pausesOf(wide(count), "INT64", count))).toEqual([undefined, 2]);
});

test("texts of more than 2048 elements, or of more than four parts, are read with a pause between the parts", () => {
  // Their parts have 256 bytes, then eight times as many, and each text has four bytes of its length.
  const fourParts = 256 + 2048 + 16_384 + 131_072;
  const ofBytes = (bytes: number) => pausesOf(JSON.stringify(["x".repeat(bytes - 4)]), "BYTES", 1);
  expect([256, fourParts, fourParts + 1].map(ofBytes)).toEqual([undefined, undefined, 4]);
  const ofCount = (count: number) => pausesOf(JSON.stringify(Array(count).fill("")), "BYTES", count);
  expect([2048, 2049].map(ofCount)).toEqual([undefined, 2]);
});

test("the parts of texts are in the pool again once they are joined", () => {
  const data = dataOf(JSON.stringify(["x".repeat(100_000)]));
  const large = data.texts.filter(({ length }) => length >= 2 ** 14).map(({ buffer }) => buffer);
  expect(large).toHaveLength(2);
  const give = vi.spyOn(bufferPool, "give");
  try {
    expect(complete(elementsOf(data, row("BYTES"), 1))).toHaveLength(100_004);
    expect(give.mock.calls.map(([memory]) => memory)).toEqual(large);
  } finally {
    give.mockRestore();
  }
});

test.each(["INT32", "INT64"])("the parts of numbers are in the pool again once they are %s", datatype => {
  // Their parts have 256 elements, then 2048, then 16,384: two are large.
  const count = 256 + 2048 + 16_384;
  const data = dataOf(ones(count));
  const large = data.parts.map(part => (part as Float64Array).buffer).filter(({ byteLength }) => byteLength >= 2 ** 14);
  expect(large).toHaveLength(2);
  const give = vi.spyOn(bufferPool, "give");
  try {
    complete(elementsOf(data, row(datatype), count));
    expect(give.mock.calls.map(([memory]) => memory)).toEqual(large);
  } finally {
    give.mockRestore();
  }
});

test("integers that no double holds wrap in the narrow types, digit for digit", () => {
  const wrapped = (datatype: string, value: bigint) => [...read(`[${value}]`, datatype, 1)];
  expect(wrapped("INT32", 2n ** 53n + 1n)).toEqual([1, 0, 0, 0]);
  expect(wrapped("UINT16", 2n ** 62n + 258n + 2n ** 53n)).toEqual([2, 1]);
  expect(wrapped("INT8", -(2n ** 53n) - 1n)).toEqual([255]);
});
