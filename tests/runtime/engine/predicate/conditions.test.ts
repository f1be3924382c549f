/** Random conditions over a table of attributes and the columns of users: the candidates are those for which JavaScript's own operators hold. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Expression } from "#contract/expression.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { noBits } from "#runtime/engine/predicate/bits.js";
import { preparePredicate } from "#runtime/engine/predicate/predicate.js";
import { type Attribute, byPosition } from "#runtime/stores/attributes/attribute-column.js";
import { lists, scalars } from "../../../operators/step.js";

const COUNTRIES = ["de", "fr", "", "x".repeat(40)];
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined, freq: 4 });
/** Few values have a dictionary, many do not. */
const item = (price: fc.Arbitrary<number>) =>
  fc.record({
    stock: maybe(fc.integer({ min: 0, max: 3 })),
    price: maybe(price),
    country: maybe(fc.constantFrom(...COUNTRIES)),
    isNew: maybe(fc.boolean()),
    known: fc.boolean(),
  });
const user = fc.record({
  limit: maybe(fc.constantFrom(0, -0, 1, 2.5, Number.POSITIVE_INFINITY)),
  country: maybe(fc.constantFrom(...COUNTRIES)),
  bought: fc.array(fc.constantFrom(0, 1, 2, 3), { maxLength: 3 }),
});
type Item = typeof item extends (of: never) => fc.Arbitrary<infer T> ? T : never;
type User = typeof user extends fc.Arbitrary<infer T> ? T : never;

const of = (column: string): Expression => ({ column });
const call = (name: string, ...args: Expression[]) => ({ call: name, args }) as Expression;
const inverse = (x: number | undefined) => (x === undefined ? Number.NaN : 1 / x);
const CONDITIONS: readonly (readonly [Expression, (i: Item, u: User) => boolean])[] = [
  [call("greater", of("item.stock"), { number: 1 }), ({ stock = Number.NaN }) => stock > 1],
  [call("equal", of("item.country"), { text: "de" }), ({ country }) => country === "de"],
  [call("isMissing", of("item.price")), ({ price }) => price === undefined],
  [call("greaterOrEqual", of("user.limit"), { number: 1 }), (_, { limit = Number.NaN }) => limit >= 1],
  [{ flag: true }, () => true],
  [call("equal", of("item.country"), of("user.country")), (i, u) => i.country === u.country],
  [call("notEqual", of("item.country"), of("user.country")), (i, u) => i.country !== u.country],
  [call("less", of("item.price"), of("user.limit")), ({ price = Number.NaN }, { limit = Number.NaN }) => price < limit],
  [
    call("less", call("divide", { number: 1 }, of("item.price")), of("user.limit")),
    ({ price }, { limit = Number.NaN }) => inverse(price) < limit,
  ],
  [
    call("less", of("item.price"), call("divide", { number: 1 }, of("user.limit"))),
    ({ price = Number.NaN }, { limit }) => price < inverse(limit),
  ],
  [
    call("numbersInclude", of("user.bought"), of("item.stock")),
    ({ stock }, { bought }) => stock !== undefined && bought.some(id => id === stock),
  ],
  [
    call("or", of("item.isNew"), call("equal", of("item.stock"), of("user.limit"))),
    ({ isNew, stock }, { limit }) => isNew === true || stock === limit,
  ],
];

function attributeOf(dtype: "int32" | "float64" | "string" | "bool", values: readonly unknown[]): Attribute {
  const column = scalars(
    dtype,
    values.map(value => (value as number | string | boolean | undefined) ?? null),
  );
  const validity = Uint8Array.from(values, value => (value === undefined ? 0 : 1));
  const steps = byPosition(
    dtype,
    { values: column.values, validity },
    Int32Array.from(values, (_, i) => i),
  );
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
}

function tableOf(items: readonly Item[]) {
  const known = noBits(items.length);
  for (const [i, one] of items.entries()) if (one.known) known[i >> 3]! |= 1 << (i & 7);
  const columns = new Map([
    [
      "stock",
      attributeOf(
        "int32",
        items.map(one => one.stock),
      ),
    ],
    [
      "price",
      attributeOf(
        "float64",
        items.map(one => one.price),
      ),
    ],
    [
      "country",
      attributeOf(
        "string",
        items.map(one => one.country),
      ),
    ],
    [
      "isNew",
      attributeOf(
        "bool",
        items.map(one => one.isNew),
      ),
    ],
  ]);
  return { positions: items.length, known, lacking: items.filter(one => !one.known).length, columns };
}

const given = fc.record({
  items: fc.oneof(
    fc.array(item(fc.constantFrom(0, 1, 2.5, -3)), { maxLength: 80 }),
    fc.array(item(fc.oneof(fc.constant(-0), fc.double({ noNaN: true }))), { maxLength: 80 }),
  ),
  /** More than one block of the table. */
  times: fc.constantFrom(1, 1, 1, 200),
  users: fc.array(user, { minLength: 1, maxLength: 4 }),
  chosen: fc.subarray([...CONDITIONS.keys()], { minLength: 1, maxLength: 4 }),
});

test("candidates are the known items for which all parts hold, and users of equal values share them", async () => {
  await fc.assert(
    fc.asyncProperty(given, async ({ items: some, times, users, chosen }) => {
      const items = Array.from({ length: times }, () => some).flat();
      const predicate = preparePredicate(
        chosen.map(i => CONDITIONS[i]![0]),
        "step `s`",
      );
      const rows = rootRows(users.length);
      const columns = new Map([
        [
          "limit",
          scalars(
            "float64",
            users.map(({ limit }) => limit ?? null),
            rows,
          ),
        ],
        [
          "country",
          scalars(
            "string",
            users.map(({ country }) => country ?? null),
            rows,
          ),
        ],
        [
          "bought",
          lists(
            "int32",
            users.map(({ bought }) => bought),
            rows,
          ),
        ],
      ]);
      const table = tableOf(items);
      // The second run finds sets that the first one kept.
      for (let turn = 0; turn < 2; turn++) {
        const run = predicate.begin(table, columns, users.length);
        const found = new Map<number, readonly number[]>();
        for (const group of run.groups) {
          const { bits, count } = await run.candidates(group[0]!);
          const places = [...items.keys()].filter(i => bits[i >> 3]! & (1 << (i & 7)));
          expect(count).toBe(places.length);
          for (const row of group) found.set(row, places);
        }
        const holds = (one: Item, who: User) => one.known && chosen.every(i => CONDITIONS[i]![1](one, who));
        for (const [row, who] of users.entries())
          expect(found.get(row) ?? []).toEqual([...items.keys()].filter(i => holds(items[i]!, who)));
      }
      predicate.close();
    }),
    { numRuns: 200 },
  );
});
