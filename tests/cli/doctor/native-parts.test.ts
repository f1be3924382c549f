/** A package whose native part is missing or of another Node: one sentence with the line to type. The paths that were tried are not listed. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { RuntimeFault } from "#runtime/base/errors.js";
import { packageFault, packageFaultIn } from "#runtime/base/missing-package.js";

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL("../../../", import.meta.url));

/** A copy of an installed package without its native files, as `npm install --ignore-scripts` leaves it. @returns loads it */
function withoutScripts(
  name: string,
  files: readonly string[],
  others: readonly string[],
  use: (loaded: new (path: string) => unknown) => unknown,
) {
  const folder = mkdtempSync(join(tmpdir(), "merlon-native-"));
  for (const one of [name, ...others])
    cpSync(join(root, "node_modules", one), join(folder, "node_modules", one), {
      recursive: true,
      dereference: true,
      filter: path => !files.some(file => path.endsWith(file)) && !/\/(deps|src|bin)$/.test(path),
    });
  const load = (): unknown => use(createRequire(join(folder, "index.js"))(name) as never);
  return { load, folder };
}
const faultOf = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("it was loaded");
};

test("better-sqlite3 without its binary", () => {
  const { load } = withoutScripts("better-sqlite3", [".node"], [], Database => new Database(":memory:"));
  const error = faultOf(load);
  expect(error).toMatchObject({ code: "MODULE_NOT_FOUND" });
  expect(packageFault(error)).toMatch(
    /^the package better-sqlite3 has no native part here: it was installed without its scripts, or for another machine; `node .*add-native\.mjs better-sqlite3` adds it$/,
  );
  expect(RuntimeFault.from(error)).toMatchObject({ code: "UNAVAILABLE", message: packageFault(error) });
});

test("onnxruntime-node without its binary", () => {
  const { load } = withoutScripts("onnxruntime-node", [".node"], ["onnxruntime-common"], loaded => loaded);
  expect(packageFault(faultOf(load))).toMatch(
    /^the package onnxruntime-node has no native part here: [^\n]*add-native\.mjs onnxruntime-node`[^\n]*$/,
  );
});

test("faiss-node without its binary", () => {
  const { load } = withoutScripts("faiss-node", [".node"], ["bindings", "file-uri-to-path"], loaded => loaded);
  expect(packageFault(faultOf(load))).toMatch(
    /^the package faiss-node has no native part here: it was installed without its scripts, or for another machine; `node .*add-native\.mjs faiss-node` adds it: it needs a C\+\+ compiler and FAISS$/,
  );
});

test("a binary of another Node, and a file that is none", () => {
  const { load, folder } = withoutScripts("better-sqlite3", [".node"], [], Database => new Database(":memory:"));
  // A binary that was compiled on purpose precedes the package's own.
  const file = join(folder, "node_modules/better-sqlite3/build/Release/better_sqlite3.node");
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, "no library");
  expect(packageFault(faultOf(load))).toMatch(/^the package better-sqlite3 can't be loaded \([^\n]*\); [^\n]*$/);
  rmSync(folder, { recursive: true });
  const foreign = Object.assign(
    new Error(
      `The module '/x/node_modules/better-sqlite3/build/Release/better_sqlite3.node'\nwas compiled against a different Node.js version using\nNODE_MODULE_VERSION 108. This version of Node.js requires\nNODE_MODULE_VERSION 115. Please try re-compiling`,
    ),
    { code: "ERR_DLOPEN_FAILED" },
  );
  expect(packageFault(foreign)).toContain("was built for another Node (its ABI is 108, and this Node's 115)");
});

test("a text that names files by their paths names them alone", () => {
  const message = "/very/long/node_modules/better-sqlite3/build/Release/better_sqlite3.node: invalid ELF header";
  const error = Object.assign(new Error(message), { code: "ERR_DLOPEN_FAILED" });
  expect(packageFault(error)).toMatch(
    /^the package better-sqlite3 can't be loaded \(better_sqlite3\.node: invalid ELF header\); `node [^`]*add-native\.mjs better-sqlite3` adds it$/,
  );
});

test("a binary that was compiled for another Node's ABI", () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-abi-"));
  const file = join(folder, "node_modules/better-sqlite3/build/Release/better_sqlite3.node");
  mkdirSync(dirname(file), { recursive: true });
  const source = join(folder, "addon.c");
  // The record that addons without Node-API register when they are loaded, from node.h; a Node compares its second number with its own.
  writeFileSync(
    source,
    `extern void node_module_register(void *);
static struct { int version; unsigned flags; void *handle; const char *file; void *init; void *context; const char *name; void *private_; void *link; }
  addon = { 108, 0, 0, "addon.c", 0, 0, "addon", 0, 0 };
__attribute__((constructor)) static void enter(void) { node_module_register(&addon); }
`,
  );
  const { status, stderr } = spawnSync("cc", ["-shared", "-fPIC", source, "-o", file], { encoding: "utf8" });
  expect(status, stderr).toBe(0);
  expect(packageFault(faultOf(() => require(file)))).toBe(
    `the package better-sqlite3 was built for another Node (its ABI is 108, and this Node's ${process.versions.modules}); \`node node_modules/merlon/scripts/add-native.mjs better-sqlite3\` adds it`,
  );
  rmSync(folder, { recursive: true });
});

test("DuckDB without its package for this platform, and with a broken one", () => {
  const missing =
    "Cannot find module '@duckdb/node-bindings-linux-x64/duckdb.node'\nRequire stack:\n- /x/node_modules/@duckdb/node-bindings/duckdb.js";
  expect(packageFault(Object.assign(new Error(missing), { code: "MODULE_NOT_FOUND" }))).toMatch(
    /^the package @duckdb\/node-api is not installed; `node [^`]*add-native\.mjs @duckdb\/node-api` adds it$/,
  );
  const broken = "/x/node_modules/@duckdb/node-bindings-linux-x64/duckdb.node: file too short";
  expect(packageFault(Object.assign(new Error(broken), { code: "ERR_DLOPEN_FAILED" }))).toMatch(
    /^the package @duckdb\/node-api can't be loaded \(duckdb\.node: file too short\); `node [^`]*add-native\.mjs @duckdb\/node-api` adds it$/,
  );
});

test("a report of models that did not load is searched for the sentence", () => {
  const absent = packageFault(
    Object.assign(new Error("Cannot find module 'onnxruntime-node'"), { code: "MODULE_NOT_FOUND" }),
  )!;
  const report = `x can't be served: failed to load all models\n  ERROR: "Failed to create instance: ${absent}"\n`;
  expect(packageFaultIn(report)).toBe(absent);
  expect(packageFaultIn("x can't be served: failed to load all models")).toBeUndefined();
});

test("other errors are left as they are", () => {
  expect(packageFault(new Error("Could not locate the bindings file. Tried: /x/other.node"))).toBeUndefined();
  expect(packageFault(faultOf(() => require("./none.node")))).toBeUndefined();
  expect(packageFault("text")).toBeUndefined();
});
