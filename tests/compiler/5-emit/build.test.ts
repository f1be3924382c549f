import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { build, compile, LAYOUTS } from "#compiler/index.js";
import { unfinishedExchange } from "#formats/folders/exchange-models.js";
import { parseModelConfig } from "#triton-protos/model-config.js";
import { MERLON } from "../../needs/built.js";

const SAMPLES = join(import.meta.dirname, "../../samples");
const folder = mkdtempSync(join(tmpdir(), "merlon-build-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One hash over names and bytes of a tree. */
function fingerprint(root: string): string {
  const sum = createHash("sha256");
  for (const entry of readdirSync(root, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(root, entry);
    sum.update(`${entry}\0`);
    if (statSync(path).isFile()) sum.update(readFileSync(path));
  }
  return sum.digest("hex");
}

async function compiled(file: string) {
  const result = await compile(file);
  if (!result.ok) throw new Error(result.diagnostics[0]?.message);
  return result;
}

const FOUR_STAGES = join(SAMPLES, "ensemble-four-stages", "main.ensemble.ts");

describe("a repository", () => {
  const out = join(folder, "repository");
  beforeAll(async () => {
    build(await compiled(FOUR_STAGES), out);
  });

  test("has the entry model with its artefacts, and one model per ONNX file", () => {
    expect(readdirSync(out).sort()).toEqual(["recommend", "recommend_query_tower", "recommend_ranker"]);
    const files = readdirSync(join(out, "recommend"), { recursive: true, encoding: "utf8" })
      .filter(f => statSync(join(out, "recommend", f)).isFile())
      .sort();
    expect(files).toEqual([
      "1/features/artefacts-features/data/online_store.db",
      "1/features/artefacts-features/data/online_store.db.check",
      "1/features/artefacts-features/data/registry.db",
      "1/features/artefacts-features/feature_store.yaml",
      "1/indexes/artefacts-index-items.faiss",
      "1/plan.json",
      "1/workflows/artefacts-etl-user/.merlin/schema.json",
      "1/workflows/artefacts-etl-user/categories/unique.city.arrow",
      "1/workflows/artefacts-etl-user/schema.pbtxt",
      "1/workflows/artefacts-etl-user/workflow.json",
      "config.pbtxt",
      "manifest.json",
    ]);
  });

  test("has configurations that say what the plan says", () => {
    const config = (model: string) => parseModelConfig(readFileSync(join(out, model, "config.pbtxt"), "utf8"), model);
    const tensors = (list: readonly { name: string; data_type: string; dims: readonly number[] }[]) =>
      list.map(t => [t.name, t.data_type, ...t.dims]);
    const entry = config("recommend");
    expect([entry.backend, entry.max_batch_size]).toEqual(["merlon", 128]);
    expect(tensors(entry.input)).toEqual([["user_id", "TYPE_INT64", 1]]);
    expect(tensors(entry.output)).toEqual([
      ["ordered_ids", "TYPE_INT64", -1],
      ["ordered_scores", "TYPE_FP32", -1],
    ]);
    const ranker = config("recommend_ranker");
    expect([ranker.backend, ranker.max_batch_size]).toEqual(["onnxruntime", 0]);
    expect(tensors(ranker.input)).toEqual([
      ["item_id", "TYPE_INT64", -1],
      ["age", "TYPE_FP32", -1],
    ]);
    expect(tensors(ranker.output)).toEqual([["purchase/binary_output", "TYPE_FP32", -1, 1]]);
  });

  test.each(LAYOUTS)("has the same bytes when built again, there or elsewhere: %s", async layout => {
    const here = join(folder, `here-${layout}`);
    build(await compiled(FOUR_STAGES), here, { layout });
    const before = fingerprint(here);
    build(await compiled(FOUR_STAGES), here, { layout });
    expect(fingerprint(here)).toBe(before);
    const elsewhere = join(folder, `elsewhere-${layout}`);
    build(await compiled(FOUR_STAGES), elsewhere, { layout });
    expect(fingerprint(elsewhere)).toBe(before);
  });

  test("keeps the models of others", async () => {
    const shared = join(folder, "shared");
    mkdirSync(join(shared, "theirs", "1"), { recursive: true });
    writeFileSync(join(shared, "theirs", "config.pbtxt"), 'backend: "identity"\n');
    build(await compiled(FOUR_STAGES), shared);
    expect(readFileSync(join(shared, "theirs", "config.pbtxt"), "utf8")).toBe('backend: "identity"\n');
    expect(existsSync(join(shared, "recommend", "1", "plan.json"))).toBe(true);
  });
});

describe("nothing half done", () => {
  const work = join(folder, "killed");
  const source = join(work, "program", "main.ensemble.ts");
  const out = join(work, "repository");
  const write = (topk: number) =>
    writeFileSync(source, readFileSync(FOUR_STAGES, "utf8").replace("topk: 5", `topk: ${topk}`));

  beforeAll(() => {
    mkdirSync(join(work, "program"), { recursive: true });
    cpSync(join(SAMPLES, "artefacts"), join(work, "artefacts"), { recursive: true });
  });

  test("an ensemble with a mistake leaves the old repository alone", async () => {
    write(5);
    build(await compiled(source), out);
    const before = fingerprint(out);
    writeFileSync(source, readFileSync(FOUR_STAGES, "utf8").replace('"purchased_ids"', '"purchased_id"'));
    const code = await run(["build", source, "--out", out]).exit;
    expect(code).toBe(1);
    expect(fingerprint(out)).toBe(before);
  });

  test("kill -9 at any moment leaves the old repository or the new one", async () => {
    const valid = new Set<string>();
    for (const [i, layout] of LAYOUTS.entries()) {
      write(6 + i);
      build(await compiled(source), out, { layout });
      valid.add(fingerprint(out));
    }
    let killed = 0;
    for (let i = 0; i < 14; i++) {
      write(6 + (i % 2));
      const child = run(["build", source, "--out", out, "--layout", LAYOUTS[i % 2]!]);
      const timer = setTimeout(() => child.process.kill("SIGKILL"), 250 + i * 45);
      if ((await child.exit) === null) killed++;
      clearTimeout(timer);
      // The program that moves folders still runs for some milliseconds.
      await vi.waitFor(() => expect(unfinishedExchange(out)).toBeUndefined());
      expect(valid).toContain(fingerprint(out));
    }
    expect(killed).toBeGreaterThan(0);
    expect(await run(["build", source, "--out", out]).exit).toBe(0);
    expect(readdirSync(work).sort()).toEqual(["artefacts", "program", "repository"]);
  });
});

function run(args: string[]) {
  const process_ = spawn(process.execPath, [MERLON, ...args], { stdio: "ignore" });
  return { process: process_, exit: new Promise<number | null>(done => process_.on("exit", code => done(code))) };
}

describe("artefacts that change between check and build", () => {
  const copy = join(folder, "changing");
  const program = join(copy, "ensemble-look-ups", "main.ensemble.ts");
  beforeAll(() => {
    for (const name of ["artefacts", "ensemble-look-ups"])
      cpSync(join(SAMPLES, name), join(copy, name), { recursive: true });
  });

  test.each([
    ["the store of a Feast repository", "features/data/online_store.db", /The Feast repository `[^`]+` changed while/],
  ])("%s: nothing is built, and the next compile builds", async (_, file, message) => {
    const before = await compiled(program);
    const path = join(copy, "artefacts", file);
    writeFileSync(path, readFileSync(path));
    const out = join(folder, "changed");
    expect(() => build(before, out)).toThrow(message);
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(folder).filter(name => name.includes("changed"))).toEqual([]);
    build(await compiled(program), out);
    expect(existsSync(join(out, before.plan.name))).toBe(true);
  });
});
