/** A test that sleeps until something has probably happened fails on a busy machine, and wastes time on others: tests wait by `wait.ts`. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { ROOT } from "./graph.mjs";

/** Whether this function does nothing but resolve after a time, as `resolve => setTimeout(resolve, 5)`. */
function isSleep(given: ts.Expression | undefined): boolean {
  if (!given || !ts.isArrowFunction(given)) return false;
  const [parameter] = given.parameters;
  if (!parameter) return false;
  const name = parameter.name.getText();
  const statement = ts.isBlock(given.body) && given.body.statements.length === 1 ? given.body.statements[0] : undefined;
  let call: ts.Node | undefined = statement && ts.isExpressionStatement(statement) ? statement.expression : given.body;
  while (call && (ts.isVoidExpression(call) || ts.isParenthesizedExpression(call))) call = call.expression;
  return (
    ts.isCallExpression(call) && call.expression.getText() === "setTimeout" && call.arguments[0]?.getText() === name
  );
}

/** @returns lines of code, not of code in texts, that makes a promise of a time */
function sleeps(name: string, text: string): number[] {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const found: number[] = [];
  const visit = (node: ts.Node): void => {
    const isFound =
      (ts.isNewExpression(node) && node.expression.getText() === "Promise" && isSleep(node.arguments?.[0])) ||
      (ts.isImportDeclaration(node) &&
        /timers\/promises/.test(node.moduleSpecifier.getText()) &&
        /setTimeout/.test(node.getText()));
    if (isFound) found.push(source.getLineAndCharacterOfPosition(node.getStart()).line + 1);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const OWN = "tests/run/wait.ts";
/** Their pauses are those of the recordings, facts of a Triton's clocks. */
const RECORDED = "tests/conformance/";

/** Other tests make folders while they run, and remove them. */
const isMade = (name: string): boolean => name.startsWith("made-") || name === "node_modules";

const sourcesIn = (folder: string): readonly string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap(entry => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return isMade(entry.name) ? [] : sourcesIn(path);
    return path.endsWith(".ts") ? [path] : [];
  });

test("no test or stand-in sleeps by itself", () => {
  const sources = ["tests", "operators"].flatMap(sourcesIn);
  expect(sources.length).toBeGreaterThan(900);
  const found = sources.flatMap(file => {
    if (file === OWN || file.startsWith(RECORDED)) return [];
    return sleeps(file, readFileSync(join(ROOT, file), "utf8")).map(line => `${file}:${line}`);
  });
  expect(found).toEqual([]);
});

test("a sleep is found in every form, and neither a timer with work nor one in a text", () => {
  const text = `await new Promise(resolve => setTimeout(resolve, 5));
  const pause = (ms: number) => new Promise<void>(done => void setTimeout(done, ms));
  await new Promise(done => { setTimeout(done, 5, 1); });
  import { setTimeout as sleep } from "node:timers/promises";
  setTimeout(() => call.cancel(), 5);
  await new Promise(done => socket.on("close", done));
  await new Promise(done => { const timer = setTimeout(done, 5); signal.on("abort", () => clearTimeout(timer)); });
  const model = \`await new Promise(next => setTimeout(next, 5));\`;
  import { setImmediate as turn } from "node:timers/promises";`;
  expect(sleeps("x.ts", text)).toEqual([1, 2, 3, 4]);
});
