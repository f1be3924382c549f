/**
 * The folders of the product import a TypeScript in `compiler/checker` alone, so that another version is one folder's work (its README).
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { ROOT } from "../../run/graph.mjs";

const PRODUCT = ["triton-protos", "contract", "formats", "operators", "compiler", "runtime", "cli", "examples"];
const SOURCE = /\.[cm]?[jt]s$/;
/** `typescript`, its parts, `ts-morph`, or a package of `@typescript`. */
const SPECIFIER = /^(?:typescript(?:\/.*)?|ts-morph(?:\/.*)?|@typescript\/.+)$/;

interface Import {
  readonly specifier: string;
  /** The statement is of types alone. */
  readonly isType: boolean;
}

/** Modules of `import`, `export … from`, `import()`, `require`, `require.resolve` and types of modules. */
function importsOf(text: string): readonly Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node | undefined, isType: boolean): void => {
    if (node && ts.isStringLiteralLike(node)) found.push({ specifier: node.text, isType });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node))
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && /^(?:import|require(?:\.resolve)?)$/.test(node.expression.getText()))
      add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("a.ts", text, ts.ScriptTarget.Latest, true));
  return found;
}

const typeScripts = (text: string) => importsOf(text).filter(({ specifier }) => SPECIFIER.test(specifier));

const isAllowed = (path: string, isType: boolean): boolean =>
  path.startsWith("compiler/checker/") || (isType && path.startsWith("compiler/editor/"));

test("only compiler/checker imports a TypeScript; compiler/editor imports types of it", () => {
  const files = PRODUCT.flatMap(folder =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile() && SOURCE.test(entry.name))
      .map(entry => join(entry.parentPath, entry.name).slice(join(ROOT, "/").length)),
  ).filter(path => !/(?:^|\/)(?:node_modules|\.work)\//.test(path));
  expect(files.length).toBeGreaterThan(500);
  const imports = files.flatMap(path => {
    const text = readFileSync(join(ROOT, path), "utf8");
    return /typescript|ts-morph/.test(text) ? typeScripts(text).map(one => ({ path, ...one })) : [];
  });
  expect(imports.filter(({ path }) => path.startsWith("compiler/checker/"))).not.toEqual([]);
  expect(imports.filter(({ path, isType }) => !isAllowed(path, isType))).toEqual([]);
});
