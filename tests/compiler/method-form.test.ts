// Every sample without a twin in the method form is turned into one, and compiles to the same plan.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile, printDiagnostics } from "#compiler/index.js";
import { methodForm } from "./method-form.js";

const SAMPLES = join(import.meta.dirname, "..", "samples");
const all = readdirSync(SAMPLES);
const alone = all.filter(
  name => /^(workflow|ensemble)-/.test(name) && !name.endsWith("-method") && !all.includes(`${name}-method`),
);

test.each(alone)("%s", async name => {
  const main = readdirSync(join(SAMPLES, name)).find(f => f.startsWith("main."))!;
  const file = join(SAMPLES, name, main);
  const text = methodForm(readFileSync(file, "utf8"));
  expect(text).not.toMatch(/>> \w+\(/);
  const twin = join(SAMPLES, name, main.replace("main.", "twin."));
  writeFileSync(twin, text);
  try {
    const [operators, methods] = [await compile(file), await compile(twin)];
    expect(printDiagnostics(methods.diagnostics, { color: false })).toBe("");
    expect(methods.ok && methods.plan).toEqual(operators.ok && operators.plan);
  } finally {
    rmSync(twin);
  }
});
