/**
 * The needs of a test file besides the packages of `npm ci`, read from its imports and from theirs:
 * - a module `tests/needs/NAME.ts` is the need NAME;
 * - a module of the product that finds a file beside itself (`import.meta.url`: a worker, a declaration, a native binding) needs `built`.
 *   So does a test, or a script that it starts, with a path into `dist/`. Scripts are found by their names. A module that only requires a package
 *   does not.
 * Nothing is listed twice, so nothing becomes stale. Uses Node's own modules only.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Names that are imported with `#` or as the package → the folder or module of the tree they stand for. */
const { imports, exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const sourceOf = built => join(ROOT, built.replace(/^\.\/dist\//, "").replace(/\.js$/, ".ts"));

/** The patterns of `imports`, and then the entries of `exports`, each as `[specifier, source]`. */
export const FOLDERS = Object.entries(imports).map(([name, built]) => [
  name.slice(0, -1),
  sourceOf(built.slice(0, -1)),
]);
export const ENTRIES = Object.entries(exports).flatMap(([name, entry]) =>
  typeof entry === "string" ? [] : [[`merlon${name.slice(1)}`, sourceOf(entry.default)]],
);

const PRODUCT = ["triton-protos", "contract", "formats", "operators", "compiler", "runtime", "cli", "examples/shop"];
const NEEDS = join(ROOT, "tests", "needs") + sep;
const HERE = join(ROOT, "tests", "run") + sep;
const DIST = join(ROOT, "dist") + sep;

const IMPORT =
  /\b(?:import|export)\s+(?!type\b)[^"'`;()]*?\bfrom\s*["']([^"'\n]+)["']|\bimport\s*\(?\s*["']([^"'\n]+)["']|["'`]([\w./-]+\.mjs)["'`]/g;
/** A package is found from the source as from the built module. The binding of faiss-node is compiled with the build. */
const REQUIRED_PACKAGE = /\bcreateRequire\(import\.meta\.url\)(?:\.resolve)?\(["'`](?![./]|faiss-node)/g;
const findsFile = text => text.replaceAll(REQUIRED_PACKAGE, "").includes("import.meta.url");
/** A path into the build. The files here write about it. */
const BUILD = /["'`/]dist["'`/]/;

export const isProduct = path =>
  PRODUCT.some(folder => path.startsWith(join(ROOT, folder) + sep)) && !path.endsWith(".test.ts");

/** @returns the file of the tree that `specifier` names in `from`; undefined for a package, or where there is none */
function resolve(specifier, from) {
  const inFolder = FOLDERS.find(([name]) => specifier.startsWith(name));
  const path = inFolder
    ? inFolder[1] + specifier.slice(inFolder[0].length)
    : specifier.startsWith(".")
      ? join(dirname(from), specifier)
      : ENTRIES.find(([name]) => name === specifier)?.[1];
  if (path === undefined) return undefined;
  const source = path.replace(/\.js$/, ".ts");
  return (
    [source, path].find(file => statSync(file, { throwIfNoEntry: false })?.isFile()) ??
    (path.startsWith(DIST) ? path : undefined)
  );
}

/** @returns the script of the tests that `name` is, beside `from` or in its `support/` */
const scriptOf = (name, from) =>
  ["", "support"].map(folder => join(dirname(from), folder, name)).find(path => existsSync(path));

/** A reader of one state of the tree: each file is read once. */
export function needsReader() {
  const read = new Map();
  const look = file => {
    const known = read.get(file);
    if (known) return known;
    const found = { needs: [], imports: [] };
    read.set(file, found);
    if (file.startsWith(NEEDS) && file.endsWith(".ts")) found.needs.push(relative(NEEDS, file).slice(0, -".ts".length));
    if (file.startsWith(DIST)) {
      found.needs.push("built");
      return found;
    }
    const text = readFileSync(file, "utf8");
    if (isProduct(file) ? findsFile(text) : !file.startsWith(HERE) && BUILD.test(text)) found.needs.push("built");
    for (const [, from, bare, script] of text.matchAll(IMPORT)) {
      const path = script ? scriptOf(script, file) : resolve(from ?? bare, file);
      if (path && /\.(m?js|ts)$/.test(path)) found.imports.push(path);
    }
    return found;
  };
  /** @returns the needs of a test file or a script, sorted */
  return file => {
    const seen = new Set([file]);
    const needs = new Set();
    for (const at of seen) {
      const { needs: own, imports } = look(at);
      for (const need of own) needs.add(need);
      for (const path of imports) seen.add(path);
    }
    return [...needs].sort();
  };
}
