import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { workflowPlan } from "../../tests/runtime/etl/workflow-plan.js";

const TYPES = { price_raw: "float32", Ids: "list<int64>" };
const rename = (params: Readonly<Record<string, unknown>>, columns?: readonly string[]) => ({
  op: "rename" as const,
  params,
  ...(columns && { columns }),
});
/** Names that a step makes, in the order of its inputs. */
const names = (types: Readonly<Record<string, string>>, link: object): string[] =>
  workflowPlan(types, [{ op: "rename", ...link }]).steps[0]!.outputs.map(({ name }) => name);

test("a column by its name, many by a prefix and a suffix; their other properties stay", () => {
  expect(names({ x: "int64" }, rename({ name: "customer" }))).toEqual(["customer"]);
  expect(names(TYPES, rename({ prefix: "user_" }))).toEqual(["user_price_raw", "user_Ids"]);
  expect(names(TYPES, rename({ postfix: "_2" }))).toEqual(["price_raw_2", "Ids_2"]);
  expect(names(TYPES, rename({ prefix: "a_", postfix: "_b" }))).toEqual(["a_price_raw_b", "a_Ids_b"]);
  const tagged = { op: "addTags" as const, params: { tags: ["item_id"] } };
  const [, step] = workflowPlan(TYPES, [tagged, rename({ prefix: "u_" })]).steps;
  expect(step!.outputs).toMatchObject([
    { name: "u_price_raw", dtype: "float32", tags: ["item", "id"], rows: "request" },
    { name: "u_Ids", dtype: "int64", tags: ["item", "id"], list: { min: 0, max: null } },
  ]);
});

describe("a function of the name", () => {
  /** As JavaScript runs it. */
  const FUNCTIONS: Readonly<Record<string, (name: string) => string>> = {
    'name => name.replace("_raw", "")': name => name.replace("_raw", ""),
    'name => name.replaceAll("a", "-")': name => name.replaceAll("a", "-"),
    "name => `${name.toLowerCase()}_raw`": name => `${name.toLowerCase()}_raw`,
    'name => name.startsWith("a") ? `u_${name}` : name + "!"': name =>
      name.startsWith("a") ? `u_${name}` : `${name}!`,
    "name => name.slice(0, 3).toUpperCase()": name => name.slice(0, 3).toUpperCase(),
  };
  test.each(Object.entries(FUNCTIONS))("%s", (lambda, run) => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.stringMatching(/^[aA-Cr_é]{1,6}(_raw){0,2}$/), { minLength: 1, maxLength: 4 }),
        given => {
          const expected = given.map(run);
          fc.pre(new Set(expected).size === expected.length);
          const types = Object.fromEntries(given.map(name => [name, "int64"]));
          expect(names(types, { lambda })).toEqual(expected);
        },
      ),
    );
  });

  test("a name that is empty, or no text, is refused", () => {
    expect(() => names(TYPES, { lambda: 'name => name.replace("Ids", "")' })).toThrow(/an empty text for `Ids`/);
    expect(() => names(TYPES, { lambda: "name => name.length" })).toThrow(/a new name for each column/);
  });
});

test.each([
  [{}, /needs a `name`, a `prefix`, a `postfix`, or a function/],
  [{ name: "a", prefix: "b" }, /takes a `name`, or a `prefix` and `postfix`, not both/],
  [{ name: "" }, /name/],
  [{ name: "a" }, /one column/],
])("%j of two columns is refused", (params, message) => {
  expect(() => names(TYPES, rename(params))).toThrow(message);
});
