/**
 * The best classes of a row: their order beside a plain sort for every datatype, and their texts beside C's printf, which Triton uses.
 */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { atOnce } from "#runtime/base/slices.js";
import { unpackStrings } from "#runtime/base/strings.js";
import type { Tensor } from "#runtime/base/tensor.js";
import { classify } from "#runtime/server/requests/classify.js";
import { wireDatatype } from "#triton-protos/datatype.js";
import { python } from "../../../needs/python.js";

const DATATYPES = ["UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP32", "FP64"] as const;

let state = 7;
const below = (limit: number): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
};

function tensorOf(datatype: (typeof DATATYPES)[number], values: readonly number[], rows = 1): Tensor {
  const big = datatype === "INT64" || datatype === "UINT64";
  const array = new (wireDatatype(datatype)!.array!)(values.length);
  for (const [i, value] of values.entries()) array[i] = (big ? BigInt(value) : value) as never;
  const data = new Uint8Array(array.buffer);
  return { name: "x", datatype, shape: [rows, values.length / rows], data };
}

const texts = (tensor: Tensor, classes: number, labels: readonly string[] = []): string[] =>
  unpackStrings(atOnce(classify(tensor, { classes, batching: true, labels })));

/** Stable, by falling value, NaN last. */
const expected = (values: readonly number[], classes: number): number[] =>
  values
    .map((value, index) => ({ value, index }))
    .sort(({ value: a }, { value: b }) =>
      Number.isNaN(a) ? Number(!Number.isNaN(b)) : Number.isNaN(b) ? -1 : b > a ? 1 : b < a ? -1 : 0,
    )
    .slice(0, classes)
    .map(({ index }) => index);

const indicesOf = (found: readonly string[]): number[] => found.map(text => Number(text.split(":")[1]));

test.each(DATATYPES)("%s: indices are those of a stable sort, at every length and count", datatype => {
  const float = datatype.startsWith("FP");
  const signed = !datatype.startsWith("U");
  const odd = [0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-40, -1e-40, 3.4e38];
  for (const length of [17, 100, 257, 300, 5000, 2 ** 14 + 5])
    for (const classes of [1, 3, 256, 257, 1000, length])
      for (const spread of [
        2,
        120,
        ...(/8$/.test(datatype) ? [] : [60_000]),
        ...(/16|8$/.test(datatype) ? [] : [2 ** 30]),
      ]) {
        const values = Array.from({ length }, () => {
          if (float && below(4) === 0) return odd[below(odd.length)]!;
          return (signed ? -spread / 2 : 0) + below(spread);
        });
        const found = indicesOf(texts(tensorOf(datatype, values), classes));
        const rounded = datatype === "FP32" ? values.map(Math.fround) : values;
        expect(found).toEqual(expected(rounded, Math.min(classes, length)));
      }
});

test("what sorting takes is returned with each row, and the rest is the numbers and the texts", () => {
  const charge = new MemoryBudget().open();
  const rows = 50;
  const tensor = tensorOf(
    "INT32",
    Array.from({ length: rows * 300 }, () => below(1000)),
    rows,
  );
  const { data } = atOnce(classify(tensor, { classes: 300, batching: true, labels: [], charge }));
  expect(charge.bytes).toBeGreaterThanOrEqual(data.length);
  // The texts' buffer has some room left.
  expect(charge.bytes).toBeLessThanOrEqual(1.25 * data.length + 2048);

  const shifted = Buffer.concat([Buffer.alloc(1), tensor.data]).subarray(1);
  const other = new MemoryBudget().open();
  const copied = classify({ ...tensor, data: shifted }, { classes: 300, batching: true, labels: [], charge: other });
  expect(Buffer.compare(atOnce(copied).data as Buffer, data)).toBe(0);
  // Numbers that are not aligned are copied.
  expect(other.bytes).toBe(charge.bytes + tensor.data.length);
});

test("64 bits are ordered by all of them", () => {
  const array = BigInt64Array.from({ length: 1000 }, (_, i) => (-1n) ** BigInt(i) * (BigInt(i) << 40n) + BigInt(i % 7));
  const tensor: Tensor = { name: "x", datatype: "INT64", shape: [1, 1000], data: new Uint8Array(array.buffer) };
  const sorted = [...array].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
  expect(texts(tensor, 1000).map(text => BigInt(text.split(":")[0]!))).toEqual(sorted);
});

test("rows are classified each by itself, with labels", () => {
  const tensor = tensorOf("INT32", [3, 1, 2, -5, 0, 7], 2);
  expect(texts(tensor, 2, ["a", "é"])).toEqual(["3:0:a", "2:2", "7:2", "0:1:é"]);
});

test("floating-point numbers are printed as C prints them, ties and all", () => {
  const numbers = [
    0,
    -0,
    1 / 128,
    3 / 128,
    -5 / 128,
    0.9999995,
    0.99999949,
    1e15 + 1 / 8,
    2 ** 31 + 1 / 128,
    2 ** 52 + 0.5,
  ];
  const extremes = [
    2 ** 53,
    1e21,
    1.7976931348623157e308,
    5e-324,
    -1e-7,
    123456789.1234567,
    0.5000005,
    4503599627370495.5,
  ];
  const drawn = Array.from({ length: 4000 }, () => (below(2) ? 1 : -1) * (below(2 ** 31) / 2 ** below(40)));
  const ties = Array.from({ length: 500 }, () => (2 * below(2 ** 20) + 1) / 128);
  const values = [...numbers, ...extremes, ...drawn, ...ties];
  const bytes = Buffer.from(Float64Array.from(values).buffer);
  const script = `import struct,sys
d = sys.stdin.buffer.read()
print("\\n".join("%f" % v for v in struct.unpack("<%dd" % (len(d) // 8), d)))`;
  const { stdout, stderr } = spawnSync(python(), ["-c", script], { input: bytes, encoding: "utf8" });
  expect(stderr).toBe("");
  const rows = texts({ name: "x", datatype: "FP64", shape: [values.length, 1], data: new Uint8Array(bytes) }, 1);
  expect(rows.map(text => text.slice(0, -2))).toEqual(stdout.trim().split("\n"));
});

test("rows of more than a million elements are refused, whatever their datatype", () => {
  const row = (elements: number): Tensor => tensorOf("UINT8", new Array(elements).fill(1));
  const halves: Tensor = { name: "x", datatype: "FP16", shape: [1, 1_000_001], data: new Uint8Array(2_000_002) };
  expect(texts(row(1_000_000), 1)).toEqual(["1:0"]);
  for (const tensor of [row(1_000_001), halves])
    expect(() => texts(tensor, 1)).toThrow("classification output tensor too large");
  const strings: Tensor = { ...halves, datatype: "BYTES" };
  expect(() => texts(strings, 1)).toThrow("unsupported type 'BYTES'");
});
