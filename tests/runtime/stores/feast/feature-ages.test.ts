/** Values that are too old, against a model: a list of cells. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { rootRows } from "#runtime/base/columns/table.js";
import { withoutOutdated } from "#runtime/stores/feast/feature-ages.js";
import { FEATURE_STATUS, type FeatureColumn } from "#runtime/stores/feast/store.js";
import type { DType } from "#triton-protos/datatype.js";
import { type Item, lists, plain, scalars } from "../../../operators/step.js";

const NOW = 1_700_000_000;
const ITEMS = {
  int64: { item: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), blank: 0n },
  uint64: { item: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), blank: 0n },
  int32: { item: fc.integer(), blank: 0 },
  bool: { item: fc.constantFrom(0, 1), blank: 0 },
  float32: { item: fc.float({ noNaN: true }), blank: Number.NaN },
  float64: { item: fc.double({ noNaN: true }), blank: Number.NaN },
  string: { item: fc.string({ maxLength: 3 }), blank: "" },
} as const satisfies Partial<Record<DType, unknown>>;
const dtypes = fc.constantFrom(...(Object.keys(ITEMS) as (keyof typeof ITEMS)[]));
const { present, null: isNull, notFound, outdated } = FEATURE_STATUS;

const given = dtypes.chain(dtype =>
  fc.record({
    dtype: fc.constant(dtype),
    isList: fc.boolean(),
    ttl: fc.integer({ min: 1, max: 20 }),
    cells: fc.array(
      fc.record({
        items: fc.array(ITEMS[dtype].item as fc.Arbitrary<Item>, { minLength: 1, maxLength: 3 }),
        status: fc.constantFrom(present, isNull, notFound),
        age: fc.option(fc.integer({ min: 0, max: 30 })),
      }),
      { maxLength: 6 },
    ),
  }),
);

test("values older than the time to live are outdated and left out, others are as before", () => {
  fc.assert(
    fc.property(given, ({ dtype, isList, ttl, cells }) => {
      const rows = rootRows(cells.length);
      const column = isList
        ? lists(
            dtype,
            cells.map(({ items }) => items),
          )
        : scalars(
            dtype,
            cells.map(({ items }) => items[0]!),
          );
      const feature: FeatureColumn = {
        ...{ values: column.values, ...(isList && { offsets: column.offsets! }) },
        status: Uint8Array.from(cells, ({ status }) => status),
        eventSeconds: Float64Array.from(cells, ({ age }) => (age === null ? Number.NaN : NOW - age)),
      };
      const before = structuredClone(feature);
      const { values, offsets, status } = withoutOutdated(feature, ttl, NOW);
      const isOld = cells.map(of => of.status !== notFound && of.age !== null && of.age > ttl);
      expect([...status]).toEqual(cells.map((of, i) => (isOld[i] ? outdated : of.status)));
      const blank = isList ? [] : ITEMS[dtype].blank;
      const kept = plain(column);
      expect(plain({ dtype, rows, values, ...(offsets && { offsets }) })).toEqual(
        cells.map((_, i) => (isOld[i] ? blank : kept[i])),
      );
      // Lists have no items beside those of their rows.
      if (offsets) expect(values.length).toBe(offsets[cells.length]);
      expect(feature).toEqual(before);
    }),
    { numRuns: 300 },
  );
});
