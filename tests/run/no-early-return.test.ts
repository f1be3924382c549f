/** A test that returns before its end passes without having tested: it is skipped, with a reason, or it is two tests. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { testFiles } from "../../scripts/test-needs.mjs";
import { ROOT } from "./graph.mjs";

/** `test` of `test.each(…)("…", …)`. */
function called(expression: ts.Expression): string {
  if (ts.isCallExpression(expression) || ts.isPropertyAccessExpression(expression))
    return called(expression.expression);
  if (ts.isTaggedTemplateExpression(expression)) return called(expression.tag);
  return ts.isIdentifier(expression) ? expression.text : "";
}

const isTest = ({ parent }: ts.Node): boolean =>
  ts.isCallExpression(parent) && /^(test|it)$/.test(called(parent.expression));

/** @returns lines of the returns without a value of the functions that are tests themselves */
function earlyReturns(name: string, text: string): number[] {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const found: number[] = [];
  const visit = (node: ts.Node, inTest: boolean): void => {
    if (inTest && ts.isReturnStatement(node) && (!node.expression || node.expression.getText() === "undefined"))
      found.push(source.getLineAndCharacterOfPosition(node.getStart()).line + 1);
    const inside = ts.isFunctionLike(node) ? isTest(node) : inTest;
    ts.forEachChild(node, child => visit(child, inside));
  };
  visit(source, false);
  return found;
}

test("no test of the tree returns before its end", () => {
  // Other tests make these while they run, and remove them.
  const files = testFiles().filter(file => !file.startsWith("tests/run/made-"));
  expect(files.length).toBeGreaterThan(400);
  const found = files.flatMap(file =>
    earlyReturns(file, readFileSync(join(ROOT, file), "utf8")).map(line => `${file}:${line}`),
  );
  expect(found).toEqual([]);
});

test("such a return is found in every form of a test, and not in functions inside it", () => {
  const text = `test("a", async () => {
    if (!x) return;
  });
  test.each([1])("b", () => {
    if (!x) { return undefined; }
  });
  it.runIf(y)(\`c\`, () => { rows.forEach(row => { if (!row) return; }); });
  helper(() => { return; });
  describe("d", () => { test.skipIf(z)("e", function () { for (const a of b) return; }, 5); });`;
  expect(earlyReturns("x.test.ts", text)).toEqual([2, 5, 9]);
});
