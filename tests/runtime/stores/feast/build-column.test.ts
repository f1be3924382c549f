// One feature's values in any order, keys more than once: the last one of each key.
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeValue } from "#formats/feast/encode-feast-value.js";
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
