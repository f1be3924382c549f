// Rows that are left of a table belong together, however often some are left out: operators on whole tables go on to see one table.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Column, childRows, type Rows, rootRows } from "#runtime/base/columns/table.js";
import { filterRows } from "#runtime/engine/cache/filter-rows.js";
import { column, plain, run, scalars } from "../../../operators/step.js";

const flags = (count: number) => fc.array(fc.nat({ max: 1 }), { minLength: count, maxLength: count });
const keepOf = (keep: readonly number[]) => Uint8Array.from(keep);

describe("rows that stay", () => {
  test("of a table: in order, below the rows that there were, and left of it", () => {
    fc.assert(
      fc.property(fc.nat({ max: 12 }).chain(flags), keep => {
        const table = rootRows(keep.length);
        const { kept, rows } = filterRows(table, keepOf(keep));
        const places = keep.flatMap((flag, i) => (flag ? [i] : []));
        expect([...kept]).toEqual(places);
        expect([rows.count, rows.parent, rows.left]).toEqual([places.length, table, true]);
        expect(lengths(rows)).toEqual(keep);
      }),
    );
  });

  test("of candidates: their owners' own; of a filtered table: the remaining ones", () => {
    const sizes = fc.array(fc.nat({ max: 4 }), { maxLength: 6 });
    const sizesAndFlags = sizes.chain(of =>
      fc.tuple(fc.constant(of), flags(of.reduce((a, b) => a + b, 0)), fc.boolean()),
    );
    fc.assert(
      fc.property(sizesAndFlags, ([of, keep, isLeft]) => {
        const parent = rootRows(of.length);
        const offsets = [0, ...of.map((_, row) => sum(of.slice(0, row + 1)))];
        const before: Rows = { ...childRows(parent, Int32Array.from(offsets)), ...(isLeft && { left: true as const }) };
        const { kept, rows } = filterRows(before, keepOf(keep));
        expect([...kept]).toEqual(keep.flatMap((flag, i) => (flag ? [i] : [])));
        expect([rows.parent, rows.left]).toEqual([parent, isLeft || undefined]);
        expect(lengths(rows)).toEqual(of.map((_, row) => sum(keep.slice(offsets[row], offsets[row + 1]))));
      }),
    );
  });
});

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const lengths = ({ offsets }: Rows): number[] => Array.from(offsets!.subarray(1), (end, i) => end - offsets![i]!);

type Columns = Readonly<Record<string, Column>>;
const integers = (of: readonly (number | null)[], rows?: Rows) => scalars("int64", of, rows);
const outputs = (names: readonly string[]) => names.map(name => column(name, "int64", { rows: "s1" }));

async function dropNulls(table: Columns): Promise<Columns> {
  const names = Object.keys(table);
  const step = { params: {}, inputs: { input: names }, outputs: outputs(names) };
  const made = await run("dropna", step, { input: Object.values(table) });
  return Object.fromEntries(names.map((name, i) => [name, made[i]!]));
}

test("a table from which rows with nulls are dropped twice has the groups of the rows that stay", async () => {
  const cell = fc.option(fc.nat({ max: 3 }), { freq: 4 });
  const row = fc.record({ a: cell, b: cell, user: fc.nat({ max: 2 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 12 }), async rows => {
      const once = await dropNulls({
        a: integers(rows.map(({ a }) => a)),
        user: integers(rows.map(({ user }) => user)),
      });
      const known = rows.filter(({ a }) => a !== null);
      const b = integers(
        known.map(of => of.b),
        once.a!.rows,
      );
      const twice = await dropNulls({ b, ...once });
      const left = known.filter(of => of.b !== null);
      expect(plain(twice.user!)).toEqual(left.map(({ user }) => BigInt(user)));
      const step = {
        params: { by: ["user"], aggs: [{ column: "a", agg: "count" as const }], sort: [], ascending: true },
        inputs: { input: ["user", "a"] },
        outputs: [...outputs(["user"]), column("a_count", "int32", { rows: "s1" })],
      };
      const [users, counts] = await run("groupby", step, { input: [twice.user!, twice.a!] });
      const found = [...new Set(left.map(({ user }) => user))];
      expect(plain(users!)).toEqual(found.map(BigInt));
      expect(plain(counts!)).toEqual(found.map(user => left.filter(one => one.user === user).length));
    }),
    { numRuns: 60 },
  );
});
