// Repeating runs gives what gathering by an index gives, for every shape of column.
import fc from "fast-check";
import { expect, test } from "vitest";
import { repeatRows } from "#runtime/base/columns/repeat-rows.js";
import { ancestorIndex } from "#runtime/base/columns/row-map.js";
import { type Column, childRows, gather, rootRows } from "#runtime/base/columns/table.js";
import type { DType } from "#triton-protos/datatype.js";
import { type Item, lists, scalars, vectors } from "../../../operators/step.js";

const dtype = fc.constantFrom<DType>("int64", "uint64", "float32", "float64", "int32", "int8", "bool", "string");
/** Small, so that every dtype holds it; sometimes nothing. */
const value = fc.option(fc.integer({ min: 0, max: 1 }), { freq: 4 });
const row = fc.record({
  times: fc.oneof(fc.nat(3), fc.nat(40)),
  one: value,
  vector: fc.array(value, { minLength: 3, maxLength: 3 }),
  list: fc.array(value, { maxLength: 5 }),
});

test("any column, rows repeated any number of times", () => {
  fc.assert(
    fc.property(dtype, fc.array(row, { maxLength: 8 }), (type, given) => {
      const item = (x: number | null): Item => (x === null ? null : type === "string" ? `text ${x}` : x);
      const rows = rootRows(given.length);
      const validity = (items: readonly (number | null)[]) =>
        items.includes(null) ? { validity: Uint8Array.from(items, x => (x === null ? 0 : 1)) } : {};
      const columns: Column[] = [
        scalars(
          type,
          given.map(r => item(r.one)),
          rows,
        ),
        {
          ...vectors(
            type,
            given.map(r => r.vector.map(item)),
            3,
            rows,
          ),
          ...validity(given.flatMap(r => r.vector)),
        },
        {
          ...vectors(
            type,
            given.map(r => [item(r.one)]),
            1,
            rows,
          ),
          ...validity(given.map(r => r.one)),
        },
        {
          ...lists(
            type,
            given.map(r => r.list.map(item)),
            rows,
          ),
          ...validity(given.flatMap(r => r.list)),
        },
      ];
      const offsets = new Int32Array(given.length + 1);
      given.forEach(({ times }, i) => {
        offsets[i + 1] = offsets[i]! + times;
      });
      const many = childRows(rows, offsets);
      for (const col of columns)
        expect(repeatRows(col, offsets, many)).toEqual(gather(col, ancestorIndex(many, rows)!, many));
    }),
  );
});
