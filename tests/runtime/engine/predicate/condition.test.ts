// One part of a condition: its cost, its blocks, and the positions for which it holds.
import { expect, test } from "vitest";
import type { Expression } from "#contract/expression.js";
import type { Column } from "#runtime/base/columns/table.js";
import { prepareCondition, type UserColumns } from "#runtime/engine/predicate/condition.js";
import { lists, scalars, vectors } from "../../../operators/step.js";

const of = (column: string): Expression => ({ column });
const call = (name: string, ...args: Expression[]) => ({ call: name, args }) as Expression;
const tableOf = (columns: Readonly<Record<string, Column>>, positions: number) => ({
  ...{ positions, known: new Uint8Array(0), lacking: 0 },
  columns: new Map(Object.entries(columns).map(([name, column]) => [name, { column }])),
});
const stock = (positions: number): Column =>
  scalars(
    "int32",
    Array.from({ length: positions }, (_, i) => (i % 11 === 10 ? null : i)),
  );
/** @returns the positions, and the number of blocks before the last */
function run(condition: Expression, positions: number, user: UserColumns, row = 0) {
  const prepared = prepareCondition(condition, tableOf({ stock: stock(positions) }, positions), "step `s`");
  const turns = prepared.run(user, row);
  for (let yields = 0; ; yields++) {
    const next = turns.next();
    if (!next.done) continue;
    const bits = next.value;
    const held = Array.from({ length: positions }, (_, i) => i).filter(i => bits[i >> 3]! & (1 << (i & 7)));
    return { held, yields, user: prepared.user };
  }
}

test("costs a value for each position, and more for lists and long texts of the user", () => {
  const positions = 800;
  const table = tableOf({ stock: stock(positions) }, positions);
  const cost = (user: Readonly<Record<string, Column>>, row = 0) => {
    const condition = Object.keys(user).reduce<Expression>(
      (whole, name) => call("and", whole, call("isMissing", of(`user.${name}`))),
      call("greater", of("item.stock"), { number: 1 }),
    );
    return prepareCondition(condition, table, "step `s`").cost(new Map(Object.entries(user)), row);
  };
  const each = (times: number): number => positions * times + positions / 8;
  expect(cost({})).toBe(each(1));
  expect(cost({ limit: scalars("float32", [1, 2]) }, 1)).toBe(each(1));
  const bought = lists("int64", [[], [1n, 2n, 3n]]);
  expect([cost({ bought }), cost({ bought }, 1)]).toEqual([each(1), each(1 + 5 * 3)]);
  expect(
    cost(
      {
        taste: vectors(
          "float32",
          [
            [1, 2],
            [3, 4],
          ],
          2,
        ),
      },
      1,
    ),
  ).toBe(each(1 + 5 * 2));
  const country = scalars("string", ["x".repeat(31), "x".repeat(32), "x".repeat(95)]);
  expect([0, 1, 2].map(row => cost({ country }, row))).toEqual([each(1), each(2), each(3)]);
  const tags = lists("string", [["a"], ["x".repeat(64), "b"]]);
  expect([cost({ tags }), cost({ tags }, 1)]).toEqual([each(1 + 5), each(1 + 10 + 2)]);
  expect(cost({ bought, country }, 1)).toBe(each(1 + 15 + 1));
});

test("runs block by block, each of a size that other work can wait for", () => {
  const more = call("greater", of("item.stock"), of("user.limit"));
  const limit = scalars("float64", [5, 8190]);
  const user: UserColumns = new Map([["limit", limit]]);
  const expected = (positions: number, least: number) =>
    Array.from({ length: positions }, (_, i) => i).filter(i => i % 11 !== 10 && i > least);
  for (const [positions, yields] of [
    [3, 0],
    [8192, 0],
    [8193, 1],
    [16_384, 1],
    [16_385, 2],
  ] as const) {
    expect(run(more, positions, user)).toEqual({ held: expected(positions, 5), yields, user: ["limit"] });
    expect(run(more, positions, user, 1).held).toEqual(expected(positions, 8190));
  }
});

test("has smaller blocks where a user's lists are long, and never fewer than 64 positions", () => {
  const among = call("numbersInclude", of("user.bought"), of("item.stock"));
  const boughtOf = (count: number): UserColumns =>
    new Map([["bought", lists("float64", [Array.from({ length: count }, (_, i) => 3 * i)])]]);
  // 1 + 5 · 3 values for each position: blocks of 512.
  expect(run(among, 1024, boughtOf(3))).toMatchObject({ held: [0, 3, 6], yields: 1 });
  expect(run(among, 1025, boughtOf(3))).toMatchObject({ held: [0, 3, 6], yields: 2 });
  expect(run(among, 192, boughtOf(1000)).yields).toBe(2);
  expect(run(among, 193, boughtOf(1000)).yields).toBe(3);
});
