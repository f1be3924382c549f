/** The picture of README and the front page: as `merlon explain` sees the example today. `npm run gen` draws it again. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pictures } from "../../scripts/docs/picture.mjs";
import { ROOT } from "../run/graph.mjs";
import "../needs/built.js";

test("each version of the picture is what the example's plan is drawn as", async () => {
  const drawn = await pictures();
  expect(drawn.map(([path]) => path)).toEqual(["docs/images/recommend-light.svg", "docs/images/recommend-dark.svg"]);
  for (const [path, text] of drawn) expect(readFileSync(join(ROOT, path), "utf8"), path).toBe(text);
});

test("README shows both, by the reader's color scheme", () => {
  const page = readFileSync(join(ROOT, "README.md"), "utf8");
  expect(page).toContain('<source media="(prefers-color-scheme: dark)" srcset="docs/images/recommend-dark.svg">');
  expect(page).toMatch(/<img alt="[^"]+" src="docs\/images\/recommend-light\.svg">/);
});

test("README is at most 150 lines", () => {
  expect(readFileSync(join(ROOT, "README.md"), "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(150);
});
