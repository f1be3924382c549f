// A number for each row that is equal where all columns are, against the texts of the rows.
import fc from "fast-check";
import { expect, test } from "vitest";
import { rowKeys } from "#operators/shared/kernel/row-keys.js";
import { childRows, type Rows, rootRows } from "#runtime/base/columns/table.js";
import { type Item, scalars } from "../../../tests/operators/step.js";

const cells = {
  int64: fc.option(fc.bigInt({ min: 0n, max: 2n })),
  float64: fc.option(fc.constantFrom(0, -0, 0.5)),
  string: fc.option(fc.constantFrom("", "a", "0")),
} as const;
type Kind = keyof typeof cells;
const given = fc
  .record({
    kinds: fc.array(fc.constantFrom<Kind>("int64", "float64", "string"), { minLength: 1, maxLength: 3 }),
    sizes: fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 4 }),
    form: fc.constantFrom("own", "candidates", "left"),
  })
  .chain(({ kinds, sizes, form }) => {
    const count = sizes.reduce((sum, size) => sum + size, 0);
    const columns = kinds.map(kind =>
      fc.array(cells[kind] as fc.Arbitrary<Item>, { minLength: count, maxLength: count }),
    );
    return fc.record({
      ...{ kinds: fc.constant(kinds), sizes: fc.constant(sizes), form: fc.constant(form) },
      columns: fc.tuple(...columns),
    });
  });

test("keys are equal where all columns of rows of one user are, and -1 where one is null", () => {
  fc.assert(
    fc.property(given, ({ kinds, sizes, form, columns }) => {
      const offsets = Int32Array.from([0, ...sizes.map((_, i) => sizes.slice(0, i + 1).reduce((a, b) => a + b, 0))]);
      const child = childRows(rootRows(sizes.length), offsets);
      const count = child.count;
      // The rows that stay of a table belong together.
      const rows: Rows = form === "own" ? rootRows(count) : form === "left" ? { ...child, left: true } : child;
      const keys = rowKeys(columns.map((items, i) => scalars(kinds[i]!, items, rows)));
      const owner = sizes.flatMap((size, user) => new Array<number>(size).fill(user));
      const textOf = (row: number): string | null => {
        const own = columns.map(items => items[row] ?? null);
        const user = form === "candidates" ? owner[row] : 0;
        return own.includes(null) ? null : JSON.stringify([user, ...own.map(item => `${typeof item} ${String(item)}`)]);
      };
      const texts = Array.from({ length: count }, (_, row) => textOf(row));
      expect([...keys].map(key => key < 0)).toEqual(texts.map(text => text === null));
      for (let a = 0; a < count; a++)
        for (let b = 0; b < count; b++)
          if (texts[a] !== null && texts[b] !== null)
            expect([a, b, keys[a] === keys[b]]).toEqual([a, b, texts[a] === texts[b]]);
    }),
    { numRuns: 200 },
  );
});
