/** Two TypeScripts are installed, and both bring a `tsc`: version 7 has to be the one that compiles the tree. */
import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TSC } from "../../scripts/setup.mjs";
import { ROOT } from "./graph.mjs";

const versionOf = (name: string): string =>
  JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")).version;

test("`tsc` is TypeScript 7, also as a command of package.json; `typescript` is 6, whose interface other tools load", () => {
  expect(versionOf("@typescript/native")).toMatch(/^7\./);
  expect(versionOf("typescript")).toMatch(/^6\./);
  expect(realpathSync(join(ROOT, "node_modules/.bin/tsc"))).toBe(realpathSync(TSC));
});
