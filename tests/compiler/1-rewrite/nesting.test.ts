// A program that is nested too deeply is refused at its innermost place, whichever phase has no stack left for it.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "#compiler/index.js";
import "../../needs/built.js";

const HEAD =
  'import { clip, logOp, source, workflow } from "merlon";\nexport const user = source({ age: "float32" });\n';
const END = 'export default workflow("w", user["age"] >> logOp());\n';
const folder = mkdtempSync(join(tmpdir(), "merlon-nesting-"));
let files = 0;
const write = (body: string, name = `deep${files++}.workflow.ts`): string => {
  writeFileSync(join(folder, name), HEAD + body);
  return join(folder, name);
};
const N = 20_000;
const around = (open: string, inner: string, close: string) => open.repeat(N) + inner + close.repeat(N);

test.each([
  ["a chain", `user["age"]${" >> clip({ min: 0 })".repeat(N)}`, 40],
  ["a sum", `1${" + 1".repeat(N)}`, 1],
  ["parentheses", around("(", "1", ")"), N],
  ["lists", around("[", "", "]"), N],
  ["templates", around("`${", "1", "}`"), 3 * N],
  ["negations", `${"!".repeat(N)}true`, N],
  ["functions", `${"a=>".repeat(N)}1`, 3 * N],
])("%s of 20,000 levels", { timeout: 120_000 }, async (_, deep, within) => {
  const text = `export const deep = ${deep};\n${END}`;
  const file = write(text);
  const { ok, diagnostics } = await compile(file);
  expect([ok, diagnostics.map(({ code, site }) => [code, site.file])]).toEqual([false, [["rewrite/nesting", file]]]);
  const [{ site }] = diagnostics as [(typeof diagnostics)[number]];
  const start = HEAD.length + text.indexOf("= ") + 2;
  // The innermost operand of a chain is its first; in brackets it is where the stack is full.
  expect(site.start).toBeGreaterThanOrEqual(start);
  expect(site.start).toBeLessThanOrEqual(start + within + "user".length);
});

// Which phase has no stack left depends on the code that V8 has optimized.
test.each([1200, 1500, 2500, 5000])(
  "%i levels are refused in the file that has them, whichever phase stops at them",
  {
    timeout: 120_000,
  },
  async levels => {
    write(`export const deep = user["age"]${" >> clip({ min: 0 })".repeat(levels)};\n`, "part.workflow.ts");
    const main = write(`import { deep } from "./part.workflow.js";\nexport default workflow("w", deep);\n`);
    const { diagnostics } = await compile(main);
    expect(diagnostics.map(({ code, site }) => [code, site.file])).toEqual([
      ["rewrite/nesting", join(folder, "part.workflow.ts")],
    ]);
  },
);
