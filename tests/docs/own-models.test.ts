/** The models that `docs/start/own-models.md` exports: made by its Python, and served by its programs. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readForest } from "#compiler/forest/read-forest.js";
import { build, compile } from "#compiler/index.js";
import { parsePlan } from "#contract/plan.js";
import { readOnnxSignature } from "#formats/onnx/onnx.js";
import { createTestServer } from "#runtime/testing/index.js";
import { labPython } from "../needs/lab.js";
import { fitCells } from "../runtime/etl/run-workflow.js";
import { workflowPlan } from "../runtime/etl/workflow-plan.js";
import { type Block, blocksOf, PAGES, placeOf } from "./blocks.js";
import { makeProject } from "./scratch-project.js";
import "../needs/built.js";

const PAGE = "docs/start/own-models.md";
const byLab = blocksOf(PAGE).filter(({ by }) => by === "lab");
const scripts = byLab.filter(({ language }) => language === "python");
const programs = byLab.filter(({ language }) => language === "ts");
const project = makeProject();
const at = (...names: string[]): string => join(project.path, ...names);
afterAll(() => project.dispose());

beforeAll(async () => {
  for (const folder of ["models", "etl"]) mkdirSync(at(folder), { recursive: true });
  const plan = workflowPlan({ user_id: "int64" }, [{ op: "categorify", columns: ["user_id"] }]);
  await fitCells(project.path, plan, { user_id: [7, 7, 8] });
  renameSync(at("fitted"), at("etl/books"));
  for (const [i, { text }] of scripts.entries()) {
    writeFileSync(at(`export-${i}.py`), text);
    execFileSync(labPython(), [`export-${i}.py`], { cwd: project.path, stdio: ["ignore", "ignore", "inherit"] });
  }
}, 300_000);

async function serverOf(block: Block) {
  const file = at(`own-${block.line}.ensemble.ts`);
  writeFileSync(file, block.text);
  const out = at(`repository-${block.line}`);
  const compiled = await compile(file);
  if (!compiled.ok) throw new Error(`${placeOf(block)}: ${JSON.stringify(compiled.diagnostics)}`);
  build(compiled, out);
  return createTestServer(out);
}

test("no other page has blocks that the lab runs", () => {
  expect(PAGES.filter(page => blocksOf(page).some(({ by }) => by !== undefined))).toEqual([PAGE]);
});

test("a PyTorch model ranks candidates", async () => {
  await using server = await serverOf(programs[0]!);
  const ragged = { candidate_ids__values: [7n, 8n, 9n, 10n], candidate_ids__offsets: [0, 3, 4] };
  const prices = { price__values: [1, 5, 3, 2], price__offsets: [0, 3, 4] };
  const outputs = await server.infer("own", { user_id: [1n, 2n], ...ragged, ...prices });
  const ids = Array.from(outputs.ordered_ids__values!.data as BigInt64Array);
  expect(Array.from(outputs.ordered_ids__offsets!.data as Int32Array)).toEqual([0, 3, 4]);
  expect(ids.slice(0, 3).sort()).toEqual([7n, 8n, 9n]);
  expect(ids[3]).toBe(10n);
});

test("an XGBoost model predicts what it learned: the larger price", async () => {
  await using server = await serverOf(programs[1]!);
  const { chance } = await server.infer("chance", { price: [[0.9], [0.1]], popularity: [[0.1], [0.9]] });
  const [likely, unlikely] = chance!.data as Float32Array;
  expect(likely).toBeGreaterThan(0.9);
  expect(unlikely).toBeLessThan(0.1);
});

test("the lines of Python stamp models with the fit", () => {
  const { outputs } = parsePlan(readFileSync(at("etl/books/workflow.json"), "utf8"), "the fit");
  const { domain, vocabulary_sum } = outputs[0]!.schema.properties;
  expect(domain).toMatchObject({ max: 4 });
  const stamp = { cardinalities: { user_id: 5 }, vocabularies: { user_id: vocabulary_sum } };
  expect(readOnnxSignature(at("models/torch.onnx"))).toMatchObject(stamp);
  expect(readForest(at("models/forest.json")).trained).toEqual(stamp);
});
