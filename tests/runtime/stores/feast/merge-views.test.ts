/** Snapshots with changed entities, against a model: a map from key to cells. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { rootRows } from "#runtime/base/columns/table.js";
import { mergeViews } from "#runtime/stores/feast/merge-views.js";
import type { ViewSnapshot } from "#runtime/stores/feast/snapshot-form.js";
import { FEATURE_STATUS } from "#runtime/stores/feast/store.js";
import { lists, plain, scalars } from "../../../operators/step.js";

const cells = fc.record({
  whole: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  text: fc.string({ maxLength: 3 }),
  numbers: fc.array(fc.double(), { maxLength: 3 }),
  words: fc.array(fc.string({ maxLength: 2 }), { maxLength: 2 }),
  status: fc.constantFrom(FEATURE_STATUS.present, FEATURE_STATUS.null, FEATURE_STATUS.notFound),
  seconds: fc.integer({ min: 1 }),
});
type Cells = typeof cells extends fc.Arbitrary<infer T> ? T : never;
const NOTHING: Cells = {
  ...{ whole: 0n, text: "", numbers: [], words: [], status: FEATURE_STATUS.notFound, seconds: Number.NaN },
};
const entities = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 12 }), cells), { selector: ([key]) => key });

/** A key has two parts; the last row is that of an unknown entity. */
function snapshotOf(all: readonly (readonly [number, Cells])[], eventTimes: boolean): ViewSnapshot {
  const rows = [...all.map(([, row]) => row), NOTHING];
  const status = Uint8Array.from(rows, row => row.status);
  const known = { status, ...(eventTimes && { eventSeconds: Float64Array.from(rows, row => row.seconds) }) };
  const feature = (dtype: "int64" | "string", name: "whole" | "text") => ({
    ...{
      values: scalars(
        dtype,
        rows.map(row => row[name]),
      ).values,
      ...known,
    },
  });
  const list = (dtype: "float64" | "string", name: "numbers" | "words") => {
    const { values, offsets } = lists(
      dtype,
      rows.map(row => row[name]),
    );
    return { values, offsets: offsets!, ...known };
  };
  return {
    keyFrame: 7,
    keys: [
      scalars(
        "int64",
        all.map(([key]) => BigInt(key)),
      ),
      scalars(
        "string",
        all.map(([key]) => `shop ${key % 3}`),
      ),
    ],
    features: [
      feature("int64", "whole"),
      feature("string", "text"),
      list("float64", "numbers"),
      list("string", "words"),
    ],
  };
}

/** Key → its cells, and the row of unknown entities under "none". */
function readBack({ keys, features }: ViewSnapshot): Map<string, unknown> {
  const [ids, shops] = keys.map(plain);
  const count = keys[0]!.rows.count;
  const columns = features.map(({ values, offsets, status, eventSeconds }) => {
    expect(status.length).toBe(count + 1);
    expect(values.length).toBe(offsets ? offsets[count + 1] : count + 1);
    const dtype = "float64";
    const read = plain({ dtype, rows: rootRows(count + 1), values, ...(offsets && { offsets }) });
    return read.map((value, i) => [value, status[i], eventSeconds?.[i]]);
  });
  const names = [...ids!.map((id, i) => `${id} ${shops![i]}`), "none"];
  expect(keys.map(({ rows }) => rows.count)).toEqual([count, count]);
  return new Map(names.map((name, i) => [name, columns.map(column => column[i])]));
}

test("changed entities are in their places, new ones behind, and the snapshot before is as it was", () => {
  fc.assert(
    fc.property(entities, entities, fc.boolean(), (before, changed, eventTimes) => {
      const old = snapshotOf(before, eventTimes);
      const copy = structuredClone(old);
      const places = Int32Array.from(changed, ([key]) => before.findIndex(([of]) => of === key));
      const merged = mergeViews(old, snapshotOf(changed, eventTimes), places);
      expect(readBack(merged)).toEqual(
        readBack(snapshotOf([...new Map<number, Cells>([...before, ...changed])], eventTimes)),
      );
      expect(old).toEqual(copy);
      expect(merged.keyFrame).toBe(7);
      // An index of the keys is kept as long as they are the same.
      if (!places.includes(-1)) expect(merged.keys).toBe(old.keys);
      const order = before.map(([key]) => BigInt(key));
      expect(Array.from(merged.keys[0]!.values.slice(0, before.length) as BigInt64Array)).toEqual(order);
    }),
    { numRuns: 200 },
  );
});
