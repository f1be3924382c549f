// Intended differences between functions of columns and JavaScript, and the rules for integers.
import { describe, expect, test } from "vitest";
import { evaluateExpression } from "#contract/evaluate-expression.js";
import { sizeOf } from "#contract/expression.js";
import type { Value } from "#contract/expression-functions.js";
import { ExpressionError, typeOf } from "#contract/expression-type.js";
import { readFunction } from "../runtime/engine/expression/read-function.js";

const TYPES = { price: "float32", brand: "string", ids: "list<int64>", known: "bool" };
const run = (text: string, values: Record<string, Value>, captured = {}) =>
  evaluateExpression(readFunction(text, TYPES, captured), new Map(Object.entries(values)));

describe("a missing value", () => {
  test.each([
    ["price => (price * 2) ?? 7", {}, 7],
    ["price => (price / 0 - price / 0) == null", { price: 1 }, true],
    ["brand => brand.toUpperCase()", {}, undefined],
    ["brand => brand.length", {}, undefined],
    ["brand => brand + '!'", {}, undefined],
    ["brand => `<${brand}>`", {}, undefined],
    ["(brand, price) => brand + price", { brand: "a" }, undefined],
    ["(brand, price) => brand + price", { brand: "a", price: 1.5 }, "a1.5"],
    ["price => price > 0", {}, false],
    ["price => !(price > 0)", {}, true],
    ["brand => brand === undefined", {}, true],
    ["price => price ** 0", {}, 1],
  ])("%s on %j gives %j", (text, values, expected) => expect(run(text, values)).toEqual(expected));
});

test("a text that would fill the memory is missing instead", () => {
  expect(run("brand => brand.padStart(1e9)", { brand: "a" })).toBeUndefined();
  expect(run("brand => brand.repeat(1e12)", { brand: "ab" })).toBeUndefined();
});

test.each([
  ["price => globalThis.process.exit()", "lambda/unknown-name at `globalThis`"],
  ["price => price.constructor.constructor('return 1')()", "lambda/unsupported"],
  ["price => eval('1')", "lambda/unsupported at `eval`"],
  ["brand => brand['__proto__']", "lambda/unsupported"],
  ["price => ({ price })", "lambda/unsupported at `{ price }`"],
  ["price => [price, 1].length", "lambda/unsupported at `price`"],
  ["price => { let x = price; return x; }", "lambda/unsupported at `let x = price;`"],
  ["price => { while (true) {} }", "lambda/unsupported at `while`"],
  ["price => { if (price > 1) return 1; }", "lambda/unsupported"],
  ["(ids, known) => ids && known", "lambda/type at `&&`"],
  ["price => price.length", "lambda/unsupported at `length`"],
  ["async price => price", "lambda/unsupported at `async`"],
  ["(...price) => 1", "lambda/unsupported at `...price`"],
  ["price => price++", "lambda/unsupported at `price++`"],
  ["price => typeof price", "lambda/unsupported at `typeof price`"],
  ["price => this", "lambda/unsupported at `this`"],
])("refused: %s", (text, reason) => expect(() => readFunction(text, TYPES)).toThrow(reason));

test("ways through nested conditions cannot grow without bound", () => {
  const ifs = Array.from({ length: 40 }, (_, i) => `if (price > ${i}) { if (price < ${i + 1}) return ${i}; }`).join(
    "\n",
  );
  expect(() => readFunction(`price => { ${ifs} return -1; }`, TYPES)).toThrow("A function of this size");
  const sum = Array.from({ length: 300 }, () => "price").join(" + ");
  expect(() => readFunction(`price => ${sum}`, TYPES)).toThrow("deep");
  expect(sizeOf(readFunction("price => price + 1", TYPES))).toEqual({ parts: 3, depth: 2 });
});

test("an expression whose types do not fit is refused before it runs", () => {
  const columns = new Map([["price", "number" as const]]);
  const bad = { call: "lower" as const, args: [{ column: "price" }] };
  expect(() => typeOf(bad, columns)).toThrow(ExpressionError);
  expect(() => typeOf({ column: "nope" }, columns)).toThrow("there is no column `nope`");
  expect(() => typeOf({ call: "add", args: [{ number: 1 }] }, columns)).toThrow("takes 2 arguments and gets 1");
});
