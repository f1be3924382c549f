/** The text of tensors: its room, its pauses, and texts that exactly fill a buffer. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { atOnce } from "#runtime/base/slices.js";
import { ByteWriter } from "#runtime/server/transport/http/byte-writer.js";
import {
  printDouble,
  printElements,
  requireJson,
  writeElements,
  writeFewElements,
  writeQuoted,
} from "#runtime/server/transport/http/tensor-json.js";
import type { WireType } from "#triton-protos/datatype.js";
import { withPauses } from "./support.js";

type Values = Int32Array | Int16Array | BigInt64Array | BigUint64Array | Float64Array | Uint8Array;
const tensorOf = (datatype: WireType, { buffer, byteOffset, byteLength, length }: Values) => ({
  ...{ name: "x", datatype, shape: [length] },
  data: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength),
});
/** Each with its length in front. */
const stringsOf = (texts: readonly string[]) => ({
  ...{ name: "x", datatype: "BYTES" as const, shape: [texts.length] },
  data: new Uint8Array(
    Buffer.concat(
      texts.flatMap(text => {
        const bytes = Buffer.from(text);
        const length = Buffer.alloc(4);
        length.writeUInt32LE(bytes.length);
        return [length, bytes];
      }),
    ),
  ),
});
const quoted = (texts: readonly string[]): string => texts.map(text => JSON.stringify(text)).join(",");
const pausesOf = (write: Generator<void, void, void>): number =>
  withPauses(write as Generator<void, never, void>).pauses;

test("datatypes without a form in JSON are refused, known or not", () => {
  const refusal = "data via JSON is not supported. Please use the binary data format for output";
  for (const datatype of ["FP16", "BF16", "COMPLEX64"])
    expect(() => requireJson(datatype)).toThrow(`sending ${datatype} ${refusal}`);
});

test("a text of several pieces is one text", () => {
  const values = BigInt64Array.from({ length: 40_000 }, (_, i) => -(2n ** 63n) + BigInt(i));
  expect(printElements(tensorOf("INT64", values))).toBe([...values].join(","));
});

test("the longest integers have room in a buffer that holds nothing else", () => {
  const values = new Int32Array(256).fill(-(2 ** 31));
  expect(printElements(tensorOf("INT32", values))).toBe([...values].join(","));
});

test("an empty string is printed wherever it is, at every place of the end of a buffer", () => {
  for (const first of ["", "x", "xy"]) {
    const texts = [first, ...Array<string>(400).fill("")];
    expect(printElements(stringsOf(texts)), `after ${first.length}`).toBe(quoted(texts));
  }
  expect(printElements(stringsOf([""]))).toBe('""');
});

// A buffer that becomes too small is doubled, or as large as the next part needs.
describe("room", () => {
  test("is made for six characters of each byte of a part of a text", () => {
    const to = new ByteWriter();
    atOnce(writeQuoted("x".repeat(8192), to));
    expect(to.bytes.length).toBeGreaterThanOrEqual(6 * 4096);
    expect(to.bytes.length).toBeLessThan(2 * (1 + 4096 + 6 * 4096));
  });
});

describe("pauses", () => {
  const ofNumbers = (count: number): number =>
    pausesOf(writeElements(tensorOf("INT16", new Int16Array(count)), new ByteWriter()));
  test("are between every 2048 numbers, and not at the end", () => {
    expect([0, 1, 256, 2047, 2048, 2049, 4096, 4097, 6145].map(ofNumbers)).toEqual([0, 0, 0, 0, 0, 1, 1, 2, 3]);
  });

  const ofStrings = (texts: readonly string[]): number => pausesOf(writeElements(stringsOf(texts), new ByteWriter()));
  test("are inside of a long string, and after it", () => {
    const lengths = [0, 4091, 4092, 4096, 4097, 8192, 8193];
    // One after each 4096 bytes that others follow, and one at the end of 4096 bytes or more with those of its length.
    expect(lengths.map(length => ofStrings(["x".repeat(length)]))).toEqual([0, 0, 1, 1, 2, 2, 3]);
  });
  test("are after short strings of 4096 bytes together", () => {
    // Each has 16 bytes with those of its length.
    const ofShort = (count: number): number => ofStrings(Array<string>(count).fill("x".repeat(12)));
    expect([1, 255, 256, 511, 512, 768].map(ofShort)).toEqual([0, 0, 1, 1, 2, 3]);
  });
  test("are after each 4096 bytes of a text, unless it is shorter", () => {
    const ofText = (length: number): number => pausesOf(writeQuoted("x".repeat(length), new ByteWriter()));
    expect([0, 4095, 4096, 4097, 8192, 8193].map(ofText)).toEqual([0, 0, 1, 2, 2, 3]);
  });
});

test("few elements have the same text as many", () => {
  const to = new ByteWriter();
  const values = Int16Array.from({ length: 512 }, (_, i) => i);
  writeFewElements(tensorOf("INT16", values), to);
  expect(Buffer.concat(to.pieces).toString()).toBe([...values].join(","));
});

test("every double and every float reads back as it was, as a float", () => {
  const same = (value: number): boolean =>
    Object.is(Number(printDouble(value)), value) && /[.e]/.test(printDouble(value));
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), same));
  fc.assert(fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), same));
  const values = Float64Array.of(0, -0, 1, -2.5, 2 ** 53, 1e21, 1e-7, Number.NaN, Number.POSITIVE_INFINITY, -1 / 0);
  expect(printElements(tensorOf("FP64", values))).toBe(
    "0.0,-0.0,1.0,-2.5,9007199254740992.0,1e+21,1e-7,NaN,Infinity,-Infinity",
  );
});

test("bytes at an odd place are elements too", () => {
  const bytes = new Uint8Array(24);
  bytes.set(new Uint8Array(Int32Array.of(-7, 2 ** 30).buffer), 13);
  expect(printElements({ name: "x", datatype: "INT32", shape: [2], data: bytes.subarray(13, 21) })).toBe(
    "-7,1073741824",
  );
});
