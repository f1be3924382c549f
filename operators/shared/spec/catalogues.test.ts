import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { catalogues } from "../../../scripts/gen-operators.mjs";

test("the catalogues are as `npm run gen` writes them", () => {
  const folder = fileURLToPath(new URL("../../gen/", import.meta.url));
  const made = catalogues() as readonly (readonly [string, string])[];
  expect(readdirSync(folder).toSorted()).toEqual(made.map(([path]) => path).toSorted());
  for (const [path, text] of made) expect(readFileSync(folder + path, "utf8")).toBe(text);
});
