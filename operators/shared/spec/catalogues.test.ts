import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { OP_KINDS } from "#contract/op-params.js";
import { catalogues } from "../../../scripts/gen-operators.mjs";

test("the catalogues are as `npm run gen` writes them", () => {
  const folder = fileURLToPath(new URL("../../gen/", import.meta.url));
  const made = catalogues() as unknown as readonly (readonly [string, string])[];
  expect(readdirSync(folder).toSorted()).toEqual(made.map(([path]) => path).toSorted());
  for (const [path, text] of made) expect(readFileSync(folder + path, "utf8")).toBe(text);
});

test("each operator has a test beside it", () => {
  const folder = fileURLToPath(new URL("../../", import.meta.url));
  const names = OP_KINDS.map(op => op.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`));
  expect(names.filter(name => !existsSync(`${folder}${name}/${name}.test.ts`))).toEqual([]);
});
