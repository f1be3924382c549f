// Values that are pushed into a column of each type: those that fit, as they are, and a fault for each that would change.
import { describe, expect, test } from "vitest";
import { RuntimeFault } from "#runtime/base/errors.js";
import { columnSink } from "#runtime/stores/feast/column-sink.js";
import type { DType } from "#triton-protos/datatype.js";

const sinkOf = (dtype: DType, capacity = 2, form: "utf8" | "base64" = "utf8") =>
  columnSink(dtype, capacity, "feature `v:f`", form);
type Sink = ReturnType<typeof sinkOf>;
const pushed = (dtype: DType, push: (sink: Sink) => void): unknown => {
  const sink = sinkOf(dtype);
  try {
    push(sink);
    expect(sink.at).toBe(1);
    return sink.values(1)[0];
  } catch (error) {
    expect(error).toBeInstanceOf(RuntimeFault);
    expect((error as RuntimeFault).code).toBe("INTERNAL");
    return (error as Error).message;
  }
};
const refused = (dtype: DType, seen: string): string =>
  `feature \`v:f\` is ${dtype} in the registry, and the store holds ${seen}. Run \`feast apply\` and materialize the view again.`;

describe("a number", () => {
  test.each<[DType, number, unknown]>([
    ["int64", 0, 0n],
    ["int64", -1, -1n],
    ["int64", 2 ** 32, 2n ** 32n],
    ["int64", 2 ** 53 - 1, 2n ** 53n - 1n],
    ["int64", -(2 ** 53 - 1), -(2n ** 53n) + 1n],
    ["int64", 2 ** 53, refused("int64", "the number 9007199254740992")],
    ["int64", 0.5, refused("int64", "the number 0.5")],
    ["int32", 2 ** 31 - 1, 2 ** 31 - 1],
    ["int32", -(2 ** 31), -(2 ** 31)],
    ["int32", 2 ** 31, refused("int32", "the number 2147483648")],
    ["int32", 1.5, refused("int32", "the number 1.5")],
    ["bool", 0, 0],
    ["bool", 1, 1],
    ["bool", 2, refused("bool", "the number 2")],
    ["bool", -1, refused("bool", "the number -1")],
    ["float64", 0.1, 0.1],
    ["float64", Number.NaN, Number.NaN],
    ["float32", 0.1, Math.fround(0.1)],
    ["string", 1, refused("string", "the number 1")],
  ])("for %s: %d", (dtype, value, expected) => {
    expect(pushed(dtype, sink => sink.number(value))).toEqual(expected);
  });
});

describe("an integer of 64 bits", () => {
  test.each<[DType, number, number, unknown]>([
    ["int64", -1, -1, -1n],
    ["int64", 1, 2 ** 30, ((2n ** 30n) << 32n) + 1n],
    ["int64", 0, -(2 ** 31), -(2n ** 63n)],
    ["int32", 5, 0, 5],
    ["int32", -5, -1, -5],
    ["int32", -5, 0, refused("int32", "an INT64")],
    ["int32", 5, -1, refused("int32", "an INT64")],
    ["int32", 5, 1, refused("int32", "an INT64")],
    ["float64", 5, 0, refused("float64", "an INT64")],
    ["bool", 1, 0, refused("bool", "an INT64")],
    ["string", 1, 0, refused("string", "an INT64")],
  ])("for %s: words %i, %i", (dtype, lo, hi, expected) => {
    expect(pushed(dtype, sink => sink.words(lo, hi))).toEqual(expected);
  });
});

describe("text and bytes", () => {
  test("are texts, and no numbers", () => {
    expect(pushed("string", sink => sink.string('a "b"'))).toBe('a "b"');
    expect(pushed("string", sink => sink.bytes(Buffer.from("né")))).toBe("né");
    expect(pushed("int64", sink => sink.string('a "b"'))).toBe(refused("int64", 'the string "a \\"b\\""'));
    expect(pushed("float32", sink => sink.bytes(Buffer.from("né")))).toBe(refused("float32", "3 bytes"));
  });
  test("that are not UTF-8 are read as base64, with a mark at their start, too", () => {
    const push = (form: "utf8" | "base64", bytes: Uint8Array) => {
      const sink = sinkOf("string", 1, form);
      sink.bytes(bytes);
      return [sink.at, sink.values(1)];
    };
    expect(push("base64", Buffer.of(255, 0))).toEqual([1, ["/wA="]]);
    expect(push("utf8", Buffer.of(0xef, 0xbb, 0xbf, 65))).toEqual([1, ["\ufeffA"]]);
    expect(() => push("utf8", Buffer.of(255, 0))).toThrow(
      expect.objectContaining({
        code: "INVALID_ARGUMENT",
        message: 'feature `v:f` holds 2 bytes that are not UTF-8. Read them as `bytes: "base64"`.',
      }),
    );
  });
});

describe("room", () => {
  test.each<[DType, (sink: Sink, i: number) => void, (i: number) => unknown]>([
    ["int64", (sink, i) => sink.number(i), BigInt],
    ["int64", (sink, i) => sink.words(i, 0), BigInt],
    ["int32", (sink, i) => sink.number(i), i => i],
    ["float64", (sink, i) => sink.number(i / 2), i => i / 2],
    ["string", (sink, i) => sink.string(`t${i}`), i => `t${i}`],
    ["string", (sink, i) => sink.bytes(Buffer.from(`t${i}`)), i => `t${i}`],
  ])("grows with the values of %s", (dtype, push, value) => {
    for (const capacity of [0, 1, 3, 100]) {
      const sink = sinkOf(dtype, capacity);
      for (let i = 0; i < 20; i++) push(sink, i);
      const expected = Array.from({ length: 20 }, (_, i) => value(i));
      expect(Array.from(sink.values(20) as ArrayLike<unknown>)).toEqual(expected);
      expect(Array.from(sink.values(3) as ArrayLike<unknown>)).toEqual(expected.slice(0, 3));
      const all = sink.values(3, true);
      expect(all.length).toBeGreaterThanOrEqual(20);
      // The array itself, where it has that length.
      expect(sink.values(all.length)).toBe(all);
    }
  });
  test("that nothing is in is 0, NaN or an empty text", () => {
    const blank = (dtype: DType) => sinkOf(dtype).values(2)[1];
    expect([blank("int64"), blank("int32"), blank("float32"), blank("float64"), blank("string")]).toEqual([
      ...[0n, 0, Number.NaN, Number.NaN, ""],
    ]);
  });
  test("is written in any order", () => {
    const sink = sinkOf("int64", 3);
    for (const [at, value] of [
      [2, 7],
      [0, 5],
    ] as const) {
      sink.at = at;
      sink.number(value);
    }
    expect(sink.values(3)).toEqual(BigInt64Array.of(5n, 0n, 7n));
  });
});
