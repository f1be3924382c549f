/** The thread of a program and `merlon` belong to one build, also where another process makes or removes the bundle between them. */
import { expect, test, vi } from "vitest";
import { evaluate, startEvaluator } from "#compiler/3-graph/evaluate.js";
import { bundledFile } from "#contract/bundled-file.js";

const bundle = vi.hoisted(() => ({ isThere: true }));

vi.mock(import("#contract/bundled-file.js"), async original => {
  const actual = await original();
  return { bundledFile: entry => (bundle.isThere ? actual.bundledFile(entry) : undefined) };
});

const ENTRY = "file:///evaluator/pick.workflow.ts";
const PROGRAM = `import { source, workflow } from "merlon"; export default workflow("pick", source({ a: "int64" }));`;

test.each([
  { before: true, after: false },
  { before: false, after: true },
])("a bundle is there at the start: $before, at the evaluation: $after", async ({ before, after }) => {
  bundle.isThere = true;
  expect(bundledFile("dsl.js"), "this needs a fresh bundle").toBeDefined();
  bundle.isThere = before;
  startEvaluator();
  bundle.isThere = after;
  const evaluated = await evaluate({ entry: ENTRY, modules: new Map([[ENTRY, PROGRAM]]) });
  expect(evaluated).toMatchObject({ kind: "graph", programs: ["default"] });
});
