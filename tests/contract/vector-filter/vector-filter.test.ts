// Conditions of searches in vector databases: a filter holds exactly where the condition does, and other forms are refused by name.
import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluateExpression } from "#contract/evaluate-expression.js";
import type { Expression } from "#contract/expression.js";
import type { FunctionName, Value } from "#contract/expression-functions.js";
import { bindFilter } from "#contract/vector-filter/bind-filter.js";
import { holds, type Scalar } from "#contract/vector-filter/filter.js";
import { FilterFault, templateOf } from "#contract/vector-filter/template.js";

const DTYPES = { stock: "int64", price: "float64", country: "string", adult: "bool" } as const;
const item = (column: string): Expression => ({ column: `item.${column}` });
const exact = (column: string): Expression => ({ column, exact: true });
const user = (column: string): Expression => ({ column: `user.${column}` });
const call = (name: FunctionName, ...args: Expression[]): Expression => ({ call: name, args });

const numbers = fc.constantFrom<Expression>(
  { number: 0 },
  { number: 2.5 },
  { number: -1 },
  { number: "Infinity" },
  user("limit"),
  call("multiply", user("limit"), { number: 2 }),
);
const integers = fc.constantFrom<Expression>({ integer: "0" }, { integer: "2" }, exact("user.age"));
const texts = fc.constantFrom<Expression>({ text: "de" }, { text: "" }, { missing: true }, user("country"));
const swapped = (names: readonly FunctionName[], a: Expression, b: fc.Arbitrary<Expression>) =>
  fc
    .tuple(fc.constantFrom(...names), b, fc.boolean())
    .map(([name, value, swap]) => (swap ? call(name, value, a) : call(name, a, value)));
const ORDERS = ["less", "lessOrEqual", "greater", "greaterOrEqual"] as const;

const tests = fc.oneof(
  swapped([...ORDERS, "equal", "notEqual"], item("price"), numbers),
  swapped([...ORDERS, "equal"], call("widen", exact("item.stock")), numbers),
  swapped(["lessIntegers", "greaterOrEqualIntegers", "equal", "notEqual"], exact("item.stock"), integers),
  swapped(["less", "equal"], call("coalesce", item("price"), { number: 1 }), numbers),
  swapped(["equal", "notEqual"], item("country"), texts),
  swapped(["equal", "notEqual"], item("adult"), fc.constantFrom<Expression>({ flag: true }, user("member"))),
  fc.constantFrom<Expression>(
    item("adult"),
    user("member"),
    { flag: true },
    call("less", user("limit"), { number: 2 }),
  ),
  fc
    .constantFrom("stock", "price", "country")
    .map(name => call("truthy", name === "stock" ? exact("item.stock") : item(name))),
  fc.constantFrom("price", "country", "adult").map(name => call("isMissing", item(name))),
  fc.constant(call("textsInclude", user("countries"), item("country"))),
  fc.constant(call("integersInclude", { integers: ["0", "2"] }, exact("item.stock"))),
  fc.constant(call("numbersInclude", user("prices"), item("price"))),
  fc
    .constantFrom("startsWith", "endsWith", "includes")
    .chain(name => texts.map(text => call(name as FunctionName, item("country"), text))),
);
const { condition } = fc.letrec<{ condition: Expression }>(tie => ({
  condition: fc.oneof(
    { depthSize: "small" },
    tests,
    tie("condition").map(a => call("not", a)),
    fc
      .tuple(fc.constantFrom<FunctionName>("and", "or"), tie("condition"), tie("condition"))
      .map(([name, a, b]) => call(name, a, b)),
    fc.tuple(tie("condition"), tie("condition"), tie("condition")).map(([a, b, c]) => call("if", a, b, c)),
    tie("condition").map(a => call("truthy", a)),
    tie("condition").map((a): Expression => ({ let: "x", be: a, in: call("or", { local: "x" }, item("adult")) })),
  ),
}));

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const COUNTRIES = fc.constantFrom("", "de", "fr", "ode", "d\0");
const items = fc.record({
  stock: maybe(fc.constantFrom(-1n, 0n, 1n, 2n, 3n)),
  price: maybe(fc.constantFrom(-1, 0, 2.5, 5)),
  country: maybe(fc.constantFrom("", "de", "fr", "ode")),
  adult: maybe(fc.boolean()),
});
const users = fc.record({
  limit: maybe(fc.constantFrom(-1, 0, 1.5, 2.5)),
  age: maybe(fc.constantFrom(0n, 2n, 18n)),
  country: maybe(COUNTRIES),
  member: maybe(fc.boolean()),
  countries: fc.array(maybe(COUNTRIES), { maxLength: 3 }),
  prices: fc.array(fc.constantFrom(0, 2.5, 7), { maxLength: 3 }),
});

test("a filter holds for an item exactly where the condition does", () => {
  let used = 0;
  fc.assert(
    fc.property(condition, items, users, (expression, values, person) => {
      let template: ReturnType<typeof templateOf>;
      try {
        template = templateOf([expression]);
      } catch (error) {
        // Nested choices double the tests.
        expect((error as FilterFault).message).toMatch(/has more than (64|1000) parts/);
        return;
      }
      used++;
      const prefixed = (side: string, of: object) =>
        Object.entries(of).map(([name, value]) => [`${side}.${name}`, value] as const);
      const people = new Map<string, Value>(prefixed("user", person));
      const all = new Map<string, Value>([...people, ...prefixed("item", values)]);
      const filter = bindFilter(template, people, DTYPES);
      expect(holds(filter, values as Record<string, Scalar | undefined>)).toBe(
        Boolean(evaluateExpression(expression, all)),
      );
    }),
    { numRuns: 2000, seed: 7 },
  );
  expect(used).toBeGreaterThan(1600);
});

test.each<[string, Expression, RegExp]>([
  [
    "arithmetic",
    call("less", call("add", item("price"), { number: 1 }), { number: 2 }),
    /computes `\+` of `item.price`/,
  ],
  [
    "integer arithmetic",
    call("equal", call("addIntegers", exact("item.stock"), { integer: "1" }), { integer: "2" }),
    /computes `\+`/,
  ],
  [
    "two attributes",
    call("less", item("price"), item("stock")),
    /compares two attributes, `item.price` and `item.stock`/,
  ],
  [
    "case",
    call("equal", call("lower", item("country")), { text: "de" }),
    /computes `toLowerCase\(\)` of `item.country`/,
  ],
  ["a text of the user's", call("includes", user("country"), item("country")), /computes `includes`/],
  [
    "a condition as a value",
    call("equal", call("less", item("price"), { number: 1 }), user("member")),
    /computes `less`/,
  ],
])("%s of attributes is refused by name", (_, expression, message) => {
  expect(() => templateOf([expression])).toThrow(FilterFault);
  expect(() => templateOf([expression])).toThrow(message);
});
