// One feature's values in any order, keys more than once: the last one of each key.
import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeValue, type FeastScalar } from "#formats/feast/encode-feast-value.js";
import type { FeastView } from "#formats/feast/feast-registry.js";
import type { FeastType } from "#formats/feast/feast-type.js";
import { columnBuilder, valueBytes } from "#runtime/stores/feast/build-column.js";
import { FEATURE_STATUS } from "#runtime/stores/feast/store.js";
import { plain } from "../../../operators/step.js";

const VALUES = {
  INT64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  DOUBLE: fc.double({ noNaN: true }),
  STRING: fc.string({ maxLength: 5 }),
  INT64_LIST: fc.array(fc.bigInt({ min: -5n, max: 5n }), { maxLength: 4 }),
  STRING_LIST: fc.array(fc.string({ maxLength: 3 }), { maxLength: 4 }),
} as const;
const DTYPES = {
  INT64: "int64",
  DOUBLE: "float64",
  STRING: "string",
  INT64_LIST: "int64",
  STRING_LIST: "string",
} as const;
const NAMES = Object.keys(VALUES) as (keyof typeof VALUES)[];
/** The missing values of each type. */
const BLANKS: Readonly<Record<(typeof NAMES)[number], unknown>> = {
  INT64: 0n,
  DOUBLE: Number.NaN,
  STRING: "",
  INT64_LIST: [],
  STRING_LIST: [],
};

const adds = fc.constantFrom(...NAMES).chain(type =>
  fc.record({
    type: fc.constant(type),
    eventTimes: fc.boolean(),
    added: fc.array(
      fc.record({
        key: fc.nat({ max: 7 }),
        value: fc.option<bigint | number | string | readonly bigint[] | readonly string[]>(VALUES[type]),
        seconds: fc.option(fc.nat(), { nil: undefined }),
      }),
      { maxLength: 16, size: "max" },
    ),
  }),
);

test("the column has the last value of each key, and its status and time", () => {
  fc.assert(
    fc.property(adds, ({ type, eventTimes, added }) => {
      const isList = type.endsWith("_LIST");
      const last = new Map<number, unknown>();
      const times = new Array<number>(8).fill(Number.NaN);
      const builder = columnBuilder(
        { name: "v" } as FeastView,
        { name: "f", type: type as FeastType, typeNumber: 0 },
        8,
        {
          bytes: "utf8",
          eventTimes,
        },
      );
      for (const { key, value, seconds } of added) {
        // A scalar null leaves the place as it is, and its status says so.
        builder.add(key, valueBytes(value === null ? null : encodeValue(type, value)), () => `k ${key}`, seconds);
        last.set(key, value);
        if (seconds !== undefined) times[key] = seconds;
      }
      const { values, offsets, status, eventSeconds } = builder.finish();
      const cells = plain({ dtype: DTYPES[type], rows: { count: 8 }, values, ...(offsets && { offsets }) });
      for (let key = 0; key < 8; key++) {
        const value = last.get(key);
        const expected =
          value === undefined ? FEATURE_STATUS.notFound : value === null ? FEATURE_STATUS.null : FEATURE_STATUS.present;
        expect(status[key]).toBe(expected);
        if (expected === FEATURE_STATUS.present) expect(cells[key]).toEqual(value);
        else if (isList || expected === FEATURE_STATUS.notFound) expect(cells[key]).toEqual(BLANKS[type]);
      }
      expect(eventSeconds && [...eventSeconds]).toEqual(eventTimes ? times : undefined);
      if (isList) expect(values).toHaveLength(offsets!.at(-1)!);
      else expect(values).toHaveLength(8);
    }),
    { numRuns: 500 },
  );
});

describe("a value of another type than the registry's", () => {
  const double = fc.oneof(fc.integer(), fc.double({ noNaN: true }), fc.constantFrom(0, 1, 2, 2 ** 31, -(2 ** 53)));
  const wide = fc.oneof(VALUES.INT64, fc.bigInt({ min: -2n, max: 2n }), fc.constantFrom(2n ** 31n, -(2n ** 31n) - 1n));
  const scalarsOf = {
    BOOL: fc.boolean(),
    INT32: fc.oneof(fc.integer(), fc.integer({ min: -2, max: 2 })),
    INT64: wide,
    FLOAT: double.map(Math.fround),
    DOUBLE: double,
    STRING: fc.string({ maxLength: 3 }),
    BYTES: fc.uint8Array({ maxLength: 3 }),
  } as const;
  const names = Object.keys(scalarsOf) as (keyof typeof scalarsOf)[];
  /** Types that hold every value of another one. */
  const WIDER: readonly string[] = ["INT32 INT64", "FLOAT DOUBLE", ...names.map(name => `${name} ${name}`)];
  const stored = fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names), fc.boolean(), fc.boolean());
  const given = stored.chain(([of, as, isList, asList]) =>
    fc.record({
      ...{ of: fc.constant(of), as: fc.constant(as), isList: fc.constant(isList), asList: fc.constant(asList) },
      items: fc.array(scalarsOf[of] as fc.Arbitrary<FeastScalar>, { minLength: 1, maxLength: isList ? 3 : 1 }),
    }),
  );
  /** As a column of the declared type has it; floats of 32 bits are rounded. */
  const inColumn = (value: FeastScalar, as: string): unknown => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString();
    if (typeof value === "string") return value;
    if (as === "INT64") return BigInt(value);
    // Only floats have two zeros.
    return as === "FLOAT" ? Math.fround(Number(value)) : as === "DOUBLE" ? Number(value) : Number(value) + 0;
  };

  test("has the same value, or is a fault that names the feature", () => {
    fc.assert(
      fc.property(given, ({ of, as, isList, asList, items }) => {
        const [type, declared] = [`${of}${isList ? "_LIST" : ""}`, `${as}${asList ? "_LIST" : ""}`] as FeastType[];
        const view = { name: "v" } as FeastView;
        const feature = { name: "f", type: declared!, typeNumber: 0 };
        const builder = columnBuilder(view, feature, 2, { bytes: "utf8", eventTimes: false });
        const bytes = encodeValue(type!, isList ? items : items[0]!);
        let fault: unknown;
        try {
          builder.add(1, valueBytes(bytes), () => "user 7");
        } catch (error) {
          fault = error;
        }
        const isText = items.every(item => !(item instanceof Uint8Array) || isUtf8(item));
        if (fault !== undefined) {
          const code = isText || (as !== "STRING" && as !== "BYTES") ? "INTERNAL" : "INVALID_ARGUMENT";
          expect(fault).toMatchObject({ name: "RuntimeFault", code, message: expect.stringContaining("`v:f`") });
          expect(WIDER.includes(`${of} ${as}`) && isList === asList && isText).toBe(false);
        } else {
          expect([isList, of === "STRING" || of === "BYTES"]).toEqual([asList, as === "STRING" || as === "BYTES"]);
          const { values, offsets, status } = builder.finish();
          expect([...status]).toEqual([FEATURE_STATUS.notFound, FEATURE_STATUS.present]);
          const found = asList ? Array.from(values as ArrayLike<unknown>).slice(offsets![1], offsets![2]) : [values[1]];
          expect(found).toEqual(items.map(item => inColumn(item, as)));
          // No value of a flag is beside 0 and 1.
          if (as === "BOOL") expect(found.filter(value => value !== 0 && value !== 1)).toEqual([]);
        }
      }),
      { numRuns: 1500 },
    );
  });

  test.each<[FeastType, FeastType, string]>([
    ["INT64_LIST", "INT64", "a list belongs there and the store holds INT64"],
    ["INT64", "INT64_LIST", "a scalar belongs there and the store holds INT64_LIST"],
    ["STRING", "MAP", "STRING belongs there and the store holds MAP"],
    ["MAP", "STRING", "MAP belongs there and the store holds STRING"],
  ])("of another kind is refused: %s in the registry, %s in the store", (type, stored, message) => {
    const feature = { name: "f", type, typeNumber: 0 };
    const builder = columnBuilder({ name: "v" } as FeastView, feature, 1, { bytes: "utf8", eventTimes: false });
    // Its values would fit.
    const add = () =>
      builder.add(
        0,
        () => stored,
        () => "user 7",
      );
    expect(add).toThrow(
      expect.objectContaining({
        code: "INTERNAL",
        message: `feature \`v:f\` of user 7 can not be read: ${message}. Materialize the view again.`,
        cause: expect.objectContaining({ message }),
      }),
    );
  });
});
