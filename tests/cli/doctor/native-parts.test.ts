/** A package whose native part is missing or of another Node: one sentence with the line to type. The paths that were tried are not listed. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { RuntimeFault } from "#runtime/base/errors.js";
import { packageFault } from "#runtime/base/missing-package.js";

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
