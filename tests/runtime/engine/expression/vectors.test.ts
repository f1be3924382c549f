/** Columns as operands of expressions, and operands as columns, every dtype with and without nulls, and the logic of flags, as JavaScript has them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rootRows } from "#runtime/base/columns/table.js";
import { toColumn } from "#runtime/engine/expression/vector.js";
import { plain } from "../../../operators/step.js";

describe("a number", () => {
  const RANGES = {
    ...{ int8: [-128, 127], uint8: [0, 255], int16: [-32_768, 32_767], uint16: [0, 65_535] },
    ...{
      int32: [-(2 ** 31), 2 ** 31 - 1],
      uint32: [0, 2 ** 32 - 1],
      int64: [-(2 ** 63), 2 ** 63],
      uint64: [0, 2 ** 64],
    },
  } as const;
  test.each(Object.entries(RANGES))(
    "becomes %s without its fraction, or a null outside of the range",
    (name, [low, high]) => {
      const dtype = name as keyof typeof RANGES;
      const near = fc.tuple(fc.constantFrom(low, high, 0), fc.double({ min: -2, max: 2, noNaN: true }));
      const numbers = fc.array(
        fc.oneof(
          fc.double(),
          near.map(([at, by]) => at + by),
        ),
        { minLength: 1, maxLength: 8 },
      );
      fc.assert(
        fc.property(numbers, values => {
          const rows = rootRows(values.length);
          const column = toColumn({ type: "number", values: Float64Array.from(values) }, dtype, rows);
          const isWide = dtype.endsWith("64");
          const wanted = values.map(value => {
            const cut = Math.trunc(value);
            if (Number.isNaN(value) || cut < low || (isWide ? cut >= high : cut > high)) return null;
            return isWide ? BigInt(cut) : cut + 0;
          });
          expect(plain(column)).toEqual(wanted);
          expect(column.validity !== undefined).toBe(wanted.includes(null));
          expect(column.rows).toBe(rows);
        }),
      );
    },
  );
});
