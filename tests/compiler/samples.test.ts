// Each folder of tests/samples is one program. It compiles to the plan beside it, or fails with the diagnostics beside it, positions
// included; a `warning-` does both. `UPDATE=1` rewrites what is expected, `FILTER=name` picks.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CODES } from "#compiler/diagnostics/messages.js";
import { compile, printDiagnostics } from "#compiler/index.js";
import { printPlan } from "#contract/plan.js";

const SAMPLES = join(import.meta.dirname, "..", "samples");
const cases = readdirSync(SAMPLES).filter(name => name !== "artefacts" && name.includes(process.env.FILTER ?? ""));
const fileOf = (name: string) =>
  join(SAMPLES, name, readdirSync(join(SAMPLES, name)).find(f => f.startsWith("main."))!);

/** A time limit that a program without an end reaches. */
const ENDLESS = new Set(["error-timeout", "error-loop"]);
const results = new Map<string, ReturnType<typeof compile>>();
/** A sample, compiled once for all tests. */
function compiledOnce(name: string): ReturnType<typeof compile> {
  const known = results.get(name) ?? compile(fileOf(name), ENDLESS.has(name) ? { timeoutSeconds: 2 } : {});
  results.set(name, known);
  return known;
}

function expectFile(path: string, actual: string): void {
  if (process.env.UPDATE) writeFileSync(path, actual);
  expect(actual).toBe(existsSync(path) ? readFileSync(path, "utf8") : undefined);
}

describe.each(cases)("%s", name => {
  test(name.startsWith("error-") ? "is refused at the right places" : "compiles to its plan", async () => {
    const compiled = await compiledOnce(name);
    const [plan, diagnostics] = [
      join(SAMPLES, name, "expected.plan.json"),
      join(SAMPLES, name, "expected.diagnostics.txt"),
    ];
    if (name.startsWith("error-")) {
      expect(compiled.ok).toBe(false);
      expectFile(
        diagnostics,
        printDiagnostics(compiled.diagnostics, { folder: join(SAMPLES, name), color: false }).replaceAll(
          join(SAMPLES, name),
          ".",
        ),
      );
      if (process.env.UPDATE) rmSync(plan, { force: true });
    } else {
      const said = printDiagnostics(compiled.diagnostics, { folder: join(SAMPLES, name), color: false });
      if (name.startsWith("warning-")) expectFile(diagnostics, said);
      else expect(said).toBe("");
      expectFile(plan, compiled.ok ? printPlan(compiled.plan) : "");
    }
  });
});

const pairs = cases.filter(name => cases.includes(`${name}-method`));

test.each(pairs)("%s: the method form compiles to the same plan", async name => {
  const [operators, methods] = await Promise.all([compiledOnce(name), compiledOnce(`${name}-method`)]);
  expect(methods.ok && methods.plan).toEqual(operators.ok && operators.plan);
});

/**
 * Codes that no file alone can reach, or that tests/mistakes has: build.test.ts, tests/compiler/5-emit/onnx/refused.test.ts,
 * tests/compiler/3-graph/edited-workflow.test.ts and tests/cli/stamp.test.ts and check-rows.test.ts hold the others.
 */
const ELSEWHERE = new Set([
  "artefact/changed",
  "triton/not-lowered",
  "workflow/edited",
  "type/import-type",
  "type/declared-twice",
  "type/node-as-argument",
  "faiss/other-metric",
  "faiss/other-tower",
  "onnx/mixes-rows",
  "onnx/unstamped",
]);

test("every code of the compiler occurs in a sample", () => {
  const seen = new Set<string>();
  for (const name of cases) {
    const path = join(SAMPLES, name, "expected.diagnostics.txt");
    if (existsSync(path))
      for (const [, code] of readFileSync(path, "utf8").matchAll(/(?:error|warning)\[([\w/-]+)\]/g)) seen.add(code!);
  }
  expect(CODES.filter(code => !seen.has(code) && !ELSEWHERE.has(code))).toEqual([]);
});
