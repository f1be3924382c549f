import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { generate } from "../../../scripts/gen-messages.mjs";

const path = (name: string) => new URL(`../../../compiler/diagnostics/${name}`, import.meta.url);

test("messages.ts is what messages.md says (npm run gen)", () => {
  expect(readFileSync(path("messages.ts"), "utf8")).toBe(generate(readFileSync(path("messages.md"), "utf8")));
});
