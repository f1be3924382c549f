// Kernels that take rows, items and groups apart, on random rows, against their definitions in a few lines.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rootRows } from "#runtime/base/columns/table.js";
import { candidates, column, grouped, type Item, lists, plain, run, scalars, vectors } from "./step.js";

const lines = <T>(of: fc.Arbitrary<T>, most: number) => fc.array(of, { maxLength: most, size: "max" });
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { freq: 5 });
const valid = (items: readonly Item[]) => Uint8Array.from(items, item => (item === null ? 0 : 1));
const longs = (items: readonly unknown[]): unknown[] =>
  items.map(item => (typeof item === "number" ? BigInt(item) : item));

describe("mergeCandidates", () => {
  const id = maybe(fc.nat({ max: 12 }));
  const users = fc.integer({ min: 0, max: 4 }).chain(count =>
    fc.record({
      sources: fc.array(fc.array(lines(id, 8), { minLength: count, maxLength: count }), { minLength: 1, maxLength: 4 }),
      topk: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
    }),
  );

  /** One of each source in turn, while any has one left. */
  const inTurns = (sources: readonly (readonly Item[])[], topk = Number.POSITIVE_INFINITY): Item[] => {
    const taken: Item[] = [];
    for (let turn = 0; turn < Math.max(0, ...sources.map(({ length }) => length)); turn++)
      for (const source of sources) {
        const item = source[turn];
        if (item !== undefined && item !== null && !taken.includes(item) && taken.length < topk) taken.push(item);
      }
    return taken;
  };

  test.each(["int64", "string", "float64"] as const)("%s", async dtype => {
    const asItem = (item: number | null): Item => (item === null || dtype !== "string" ? item : `t${item}`);
    await fc.assert(
      fc.asyncProperty(users, async ({ sources, topk }) => {
        const rows = rootRows(sources[0]!.length);
        const items = sources.map(source => source.map(user => user.map(asItem)));
        const columns = items.map(source => {
          const all = source.flat();
          const made = candidates(dtype, source, rows);
          // A float that is no number is null.
          if (dtype !== "float64") return { ...made, validity: valid(all) };
          return { ...made, values: Float64Array.from(all, item => (item === null ? Number.NaN : Number(item))) };
        });
        const ports = ["input", "source2", "source3", "source4"].slice(0, columns.length);
        const [merged] = await run(
          "mergeCandidates",
          {
            params: { name: "ids", ...(topk !== undefined && { topk }) },
            inputs: Object.fromEntries(ports.map(port => [port, [port]])),
            outputs: [column("ids", dtype, { rows: "s1" })],
          },
          Object.fromEntries(ports.map((port, i) => [port, [columns[i]!]])),
        );
        const expected =
          rows.count === 0
            ? []
            : items[0]!.map((_, user) =>
                inTurns(
                  items.map(source => source[user]!),
                  topk,
                ),
              );
        expect(grouped(merged!)).toEqual(dtype === "int64" ? expected.map(longs) : expected);
      }),
    );
  });
});

describe("explode", () => {
  const row = lines(fc.tuple(maybe(fc.nat({ max: 9 })), maybe(fc.nat({ max: 9 }))), 5);
  test("the items of each row, without null ids, and those beside them", async () => {
    await fc.assert(
      fc.asyncProperty(lines(row, 5), async rows => {
        const parent = rootRows(rows.length);
        const of = (pick: 0 | 1) => {
          const items = rows.map(pairs => pairs.map(pair => pair[pick] ?? 0));
          return { ...lists("int64", items, parent), validity: valid(rows.flat().map(pair => pair[pick])) };
        };
        const step = {
          params: { name: "id" },
          inputs: { input: ["ids"], with: ["scores"] },
          outputs: [column("id", "int64", { rows: "s1" }), column("score", "int64", { rows: "s1" })],
        };
        const [ids, scores] = await run("explode", step, { input: [of(0)], with: [of(1)] });
        const kept = rows.map(pairs => pairs.filter(([id]) => id !== null));
        expect(grouped(ids!)).toEqual(kept.map(pairs => longs(pairs.map(([id]) => id))));
        expect(grouped(scores!)).toEqual(kept.map(pairs => longs(pairs.map(([, score]) => score))));
        expect(scores!.rows).toBe(ids!.rows);
      }),
    );
  });
});

describe("listSlice", () => {
  const at = fc.integer({ min: -6, max: 6 });
  const item = maybe(fc.integer({ min: 1, max: 9 }));
  const slice = fc.record({
    start: at,
    end: fc.option(at, { nil: undefined }),
    rows: lines(lines(item, 6), 5),
    width: fc.nat({ max: 5 }),
  });
  /** As Python: one positive number alone is the end. */
  const ends = (start: number, end: number | undefined) =>
    start > 0 && end === undefined ? ([0, start] as const) : ([start, end] as const);

  test("ragged lists: JavaScript's slice", async () => {
    await fc.assert(
      fc.asyncProperty(slice, async ({ start, end, rows }) => {
        const step = {
          params: { start, ...(end !== undefined && { end }) },
          inputs: { input: ["l"] },
          outputs: [column("l", "int64", { list: { min: 0, max: null } })],
        };
        const given = {
          ...lists(
            "int64",
            rows.map(row => row.map(of => of ?? 0)),
          ),
          validity: valid(rows.flat()),
        };
        const [made] = await run("listSlice", step, { input: [given] });
        expect(plain(made!)).toEqual(rows.map(row => longs(row.slice(...ends(start, end)))));
      }),
      { numRuns: 200 },
    );
  });

  test("one length: short ones are filled on the right, from lists and vectors", async () => {
    await fc.assert(
      fc.asyncProperty(
        slice,
        fc.boolean(),
        fc.integer({ min: 0, max: 7 }),
        async ({ start, end, rows, width }, isFixed, padValue) => {
          const even = rows.map(row => Array.from({ length: width }, (_, i) => row[i] ?? 7));
          const items = isFixed ? even : rows.map(row => row.map(of => of ?? 7));
          const taken = items.map(row => row.slice(...ends(start, end)));
          const length = Math.max(1, ...taken.map(row => row.length));
          const step = {
            params: { start, ...(end !== undefined && { end }), pad: true, padValue },
            inputs: { input: ["l"] },
            outputs: [column("l", "int64", { list: { min: length, max: length } })],
          };
          const [made] = await run("listSlice", step, {
            input: [isFixed ? vectors("int64", items, width) : lists("int64", items)],
          });
          expect(made!.width).toBe(length);
          expect(plain(made!)).toEqual(
            taken.map(row => longs([...row, ...new Array<number>(length - row.length).fill(padValue)])),
          );
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("rows of a table", () => {
  const row = fc.record({
    key: maybe(fc.nat({ max: 2 })),
    at: maybe(fc.nat({ max: 4 })),
    x: maybe(fc.integer({ min: -9, max: 9 })),
  });
  const rows = lines(row, 14);
  const of = (all: readonly Item[]) => scalars("int64", all);

  test("differenceLag: less the row before or after, of the same key", async () => {
    await fc.assert(
      fc.asyncProperty(
        rows,
        fc.integer({ min: -3, max: 3 }).filter(n => n !== 0),
        async (all, shift) => {
          const step = {
            params: { shifts: [shift] },
            inputs: { input: ["x"], partition: ["key"] },
            outputs: [column("d", "float32")],
          };
          const [made] = await run("differenceLag", step, {
            input: [of(all.map(({ x }) => x))],
            partition: [of(all.map(({ key }) => key))],
          });
          const expected = all.map(({ key, x }, i) => {
            const other = all[i - shift];
            return !other || key === null || key !== other.key || x === null || other.x === null
              ? Number.NaN
              : x - other.x;
          });
          expect(plain(made!)).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });

  const AGGS = [
    "list",
    "first",
    "last",
    "count",
    "nunique",
    "min",
    "max",
    "sum",
    "mean",
    "median",
    "var",
    "std",
  ] as const;
  const numbersOf = (all: readonly (number | null)[]): number[] => all.filter(x => x !== null);
  const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0);
  const mean = (all: readonly number[]): number => sum(all) / all.length;
  const variance = (all: readonly number[]): number =>
    all.length > 1 ? sum(all.map(x => (x - mean(all)) ** 2)) / (all.length - 1) : Number.NaN;
  const median = (all: readonly number[]): number => {
    const sorted = all.toSorted((a, b) => a - b);
    return mean([sorted[(sorted.length - 1) >> 1] ?? Number.NaN, sorted[sorted.length >> 1] ?? Number.NaN]);
  };
  /** Results for the values in order; those of a group in reverse are the same in the other order. */
  const MADE: Readonly<
    Record<(typeof AGGS)[number], (all: readonly (number | null)[], ascending: boolean) => unknown>
  > = {
    list: all => longs(all),
    first: (all, ascending) => longs([all.at(ascending ? 0 : -1) ?? null])[0],
    last: (all, ascending) => longs([all.at(ascending ? -1 : 0) ?? null])[0],
    count: all => numbersOf(all).length,
    nunique: all => new Set(numbersOf(all)).size,
    min: all => (numbersOf(all).length > 0 ? BigInt(Math.min(...numbersOf(all))) : null),
    max: all => (numbersOf(all).length > 0 ? BigInt(Math.max(...numbersOf(all))) : null),
    sum: all => sum(numbersOf(all)),
    mean: all => mean(numbersOf(all)),
    median: all => median(numbersOf(all)),
    var: all => variance(numbersOf(all)),
    std: all => Math.sqrt(variance(numbersOf(all))),
  };
  const near = (value: unknown): unknown =>
    typeof value === "number" && !Number.isNaN(value) ? (expect.closeTo(value, 4) as number) : value;

  test("groupby: one row for each key that is not null, in order of its first row", async () => {
    const dtypes = {
      list: "int64",
      first: "int64",
      last: "int64",
      min: "int64",
      max: "int64",
      count: "int32",
      nunique: "int32",
    } as const;
    await fc.assert(
      fc.asyncProperty(rows, fc.boolean(), async (all, ascending) => {
        const step = {
          params: { by: ["key"], sort: ["at"], ascending, aggs: AGGS.map(agg => ({ column: "x", agg })) },
          inputs: { input: ["key", "at", "x"] },
          outputs: [
            column("key", "int64", { rows: "s1" }),
            ...AGGS.map(agg =>
              column(`x_${agg}`, dtypes[agg as keyof typeof dtypes] ?? "float32", {
                rows: "s1",
                ...(agg === "list" && { list: { min: 0, max: null } }),
              }),
            ),
          ],
        };
        const given = [of(all.map(({ key }) => key)), of(all.map(({ at }) => at)), of(all.map(({ x }) => x))];
        const [keys, ...made] = await run("groupby", step, { input: given });
        const found = [...new Set(all.map(({ key }) => key))].filter(key => key !== null);
        expect(plain(keys!)).toEqual(found.map(BigInt));
        const sign = ascending ? 1 : -1;
        // Nulls last, whichever way; equal ones stay as they are.
        const groups = found.map(key =>
          all
            .filter(one => one.key === key)
            .toSorted((a, b) =>
              a.at === null || b.at === null ? Number(a.at === null) - Number(b.at === null) : sign * (a.at - b.at),
            )
            .map(({ x }) => x),
        );
        for (const [i, agg] of AGGS.entries())
          expect([agg, plain(made[i]!)]).toEqual([agg, groups.map(group => near(MADE[agg](group, ascending)))]);
      }),
      { numRuns: 200 },
    );
  });
});
