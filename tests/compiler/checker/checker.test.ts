// The interface over TypeScript, without the compiler on top: what another implementation has to do too.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openProject, type Project, syntaxError } from "#compiler/checker/index.js";
import * as ts from "#compiler/checker/syntax.js";
import { ROOT } from "../../run/graph.mjs";

const folder = mkdtempSync(join(tmpdir(), "merlon-checker-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
/** A program of several files; the first is its entry. */
function open(files: Readonly<Record<string, string>>): { project: Project; path(name: string): string } {
  const own = join(folder, String(made++));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(own, name, ".."), { recursive: true });
    writeFileSync(join(own, name), text);
  }
  const path = (name: string) => join(own, name);
  return { project: openProject(path(Object.keys(files)[0]!)), path };
}

/** The first node of a kind, in the order of the text. */
function first<T extends ts.Node>(tree: ts.SourceFile, is: (node: ts.Node) => node is T): T {
  let found: T | undefined;
  const visit = (node: ts.Node): void => {
    if (!found && is(node)) found = node;
    if (!found) ts.forEachChild(node, visit);
  };
  visit(tree);
  if (!found) throw new Error("there is no such node");
  return found;
}

test("a declaration of one project is not in a later one, although Merlon is installed in the same folder", () => {
  const entry = join(ROOT, "tests/samples/ensemble-implicit/main.ensemble.ts");
  const errorsOf = (added: boolean): readonly number[] => {
    const project = openProject(entry);
    if (added) project.write(join(entry, "../added.d.ts"), "declare type Added = number;\n");
    project.write(entry, "export const x: Added = 1;\n");
    const codes = project.errors(entry).map(({ code }) => code);
    project.close();
    return codes;
  };
  expect(errorsOf(true)).toEqual([]);
  expect(errorsOf(false)).toEqual([2304]);
});

test("types are names and texts", () => {
  const { project, path } = open({
    "main.ts": `class Node<C extends string> { declare readonly columns: C; }
declare function node<C extends string>(name: C): Node<C>;
declare function apply(on: Node<string>, rule: "a sentence" | "another one", options?: { low: number } | { high: number }): void;
const open = node("float32 price" as "float32 price" | \`int64[\${number}] seen\`);
const none = node("x" as never);
const wide = node("x" as string);
apply(open, "a sentence", { low: 1 });
`,
  });
  const tree = project.tree(path("main.ts"));
  const types = project.types();
  const variable = (name: string) =>
    first(tree, (node): node is ts.Identifier => ts.isIdentifier(node) && node.text === name);
  expect(types.typeName(variable("open"))).toBe("Node");
  expect(types.propertyTexts(variable("open"), "columns")?.toSorted()).toEqual([
    "float32 price",
    "int64[${number}] seen",
  ]);
  expect(types.propertyTexts(variable("none"), "columns")).toEqual([]);
  expect(types.propertyTexts(variable("wide"), "columns")).toBeUndefined();
  expect(types.propertyTexts(variable("open"), "rows")).toBeUndefined();
  const call = first(
    tree,
    (node): node is ts.CallExpression => ts.isCallExpression(node) && node.expression.getText(tree) === "apply",
  );
  expect(types.parameterTexts(call, 1)?.toSorted()).toEqual(["a sentence", "another one"]);
  expect(types.parameterTexts(call, 3)).toBeUndefined();
  expect(types.parameterNames(call.expression)).toEqual(["on", "rule", "options"]);
  const record = first(tree, (node): node is ts.ObjectLiteralExpression => ts.isObjectLiteralExpression(node));
  expect(types.expectedProperties(record).flat().toSorted()).toEqual(["high", "low"]);
  expect(types.variablesAt(call).toSorted()).toEqual(["none", "open", "wide"]);
  project.close();
});

test.each([
  ["", undefined],
  ["const a = ;", [10, 11]],
  ["const a = ", [9, 10]],
  ["{", [0, 1]],
])("the first syntax error of %o is inside it", (text, range) => {
  const error = syntaxError("x.ts", text);
  expect(error && [error.start, error.end]).toEqual(range);
});
