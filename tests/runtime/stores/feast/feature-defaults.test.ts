// Columns without gaps, compared with a model. Each rule replaces cells that are missing or null.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Column, rootRows } from "#runtime/base/columns/table.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import { prepareMissing } from "#runtime/stores/feast/feature-defaults.js";
import { FEATURE_STATUS, type FeatureColumn } from "#runtime/stores/feast/store.js";
import { lists, plain, scalars } from "../../../operators/step.js";

const { present, null: isNull, notFound, outdated } = FEATURE_STATUS;
type Item = bigint | number | string;
const TYPES = {
  int64: { cells: [3n, -4n], blank: 0n, given: 7, read: 7n },
  int32: { cells: [3, -4], blank: 0, given: 7, read: 7 },
  float32: { cells: [0.5, -4], blank: Number.NaN, given: 0.25, read: 0.25 },
  string: { cells: ["a", ""], blank: "", given: "none", read: "none" },
  bool: { cells: [1, 0], blank: 0, given: true, read: 1 },
} as const;
type Name = keyof typeof TYPES;
const statuses = fc.array(fc.constantFrom(present, present, isNull, notFound, outdated), { maxLength: 8 });
const schemaOf = (dtype: Name, isList: boolean) =>
  ({ name: "f", dtype, ...(isList && { list: { min: 0, max: null } }) }) as unknown as Parameters<
    typeof prepareMissing
  >[0];

function featureOf(dtype: Name, isList: boolean, status: readonly number[]): FeatureColumn {
  const { cells, blank } = TYPES[dtype];
  const column = isList
    ? lists(
        dtype,
        status.map((of, i) => (of === present ? Array.from({ length: i % 3 }, (_, k) => cells[k % 2] as Item) : [])),
      )
    : scalars(
        dtype,
        status.map((of, i) => (of === present ? (cells[i % 2] as Item) : (blank as Item))),
      );
  return {
    ...{ values: column.values, status: Uint8Array.from(status) },
    ...(isList && { offsets: column.offsets! }),
  };
}
const none = (): RuntimeFault => new RuntimeFault("INTERNAL", "not called");
/** Cells as they are; null where the column says so. */
const cellsOf = (column: Column): unknown[] => plain(column);
const kinds = fc.record({ dtype: fc.constantFrom(...(Object.keys(TYPES) as Name[])), isList: fc.boolean() });

describe("a column", () => {
  test("has null for missing and null cells and lists; NaN in a column of floats", () => {
    fc.assert(
      fc.property(kinds, statuses, ({ dtype, isList }, status) => {
        const feature = featureOf(dtype, isList, status);
        const filled = prepareMissing(schemaOf(dtype, isList), "null")(feature, rootRows(status.length), none);
        const rows = rootRows(status.length);
        const before = plain({ dtype, rows, values: feature.values, ...(isList && { offsets: feature.offsets! }) });
        const isWhole = status.every(of => of === present);
        const isKept = !isList && dtype === "float32";
        expect(cellsOf(filled)).toEqual(before.map((cell, i) => (status[i] === present || isKept ? cell : null)));
        expect(filled.validity === undefined).toBe(isList || isKept || isWhole);
        expect(filled.listValidity === undefined).toBe(!isList || isWhole);
        expect(filled.dtype).toBe(dtype);
      }),
    );
  });
  test("has the default in those places, of a scalar and of lists; the feature is not changed", () => {
    fc.assert(
      fc.property(kinds, statuses, fc.nat({ max: 2 }), ({ dtype, isList }, status, length) => {
        const { given, read } = TYPES[dtype];
        const feature = featureOf(dtype, isList, status);
        const copy = structuredClone(feature);
        const rule = { default: isList ? new Array<never>(length).fill(given as never) : given };
        const filled = prepareMissing(schemaOf(dtype, isList), rule)(feature, rootRows(status.length), none);
        const rows = rootRows(status.length);
        const before = plain({ dtype, rows, values: feature.values, ...(isList && { offsets: feature.offsets! }) });
        const expected = isList ? new Array<unknown>(length).fill(read) : read;
        expect(cellsOf(filled)).toEqual(before.map((cell, i) => (status[i] === present ? cell : expected)));
        expect(filled.values).toHaveLength(isList ? filled.offsets!.at(-1)! : status.length);
        expect(filled.validity).toBeUndefined();
        expect(feature).toEqual(copy);
      }),
    );
  });
  test("is a fault of the first key that is missing; a stored null is none", () => {
    fc.assert(
      fc.property(kinds, statuses, ({ dtype, isList }, status) => {
        const feature = featureOf(dtype, isList, status);
        const fill = () =>
          prepareMissing(schemaOf(dtype, isList), "error")(
            feature,
            rootRows(status.length),
            key => new RuntimeFault("NOT_FOUND", `key ${key}`),
          );
        const first = status.findIndex(of => of === notFound || of === outdated);
        if (first >= 0) expect(fill).toThrow(`key ${first}`);
        else expect(fill().values).toHaveLength(feature.values.length);
      }),
    );
  });
});

describe("a default", () => {
  test("that does not fit is refused", () => {
    for (const [dtype, value] of [
      ["int64", 0.5],
      ["int32", 2 ** 31],
      ["string", 1],
      ["bool", 1],
    ] as const)
      expect(() => prepareMissing(schemaOf(dtype, false), { default: value })).toThrow(
        expect.objectContaining({
          code: "INVALID_ARGUMENT",
          message: expect.stringContaining("`onMissing` gives `f`"),
        }),
      );
    expect(() => prepareMissing(schemaOf("int64", false), { default: [1] })).toThrow("and the feature is a scalar");
  });
});
