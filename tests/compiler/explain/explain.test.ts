// The output of `merlon explain`. `UPDATE=1` rewrites tests/compiler/explain/expected: read the diff.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Explanation } from "#compiler/explain/explanation.js";
import { build, compile, EXPLAIN_FORMATS, type ExplainFormat, explain, explainDiff } from "#compiler/index.js";

const SAMPLES = "tests/samples";
const LOOK_UPS = `${SAMPLES}/ensemble-look-ups/main.ensemble.ts`;
const STAGES = `${SAMPLES}/ensemble-four-stages/main.ensemble.ts`;
const folder = mkdtempSync(join(tmpdir(), "merlon-explain-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function text(
  path: string,
  format: ExplainFormat = "text",
  off: readonly never[] | readonly ["pruneColumns"] = [],
) {
  const explained = await explain(path, { format, off: new Set(off) });
  if (!explained.ok) throw new Error(explained.diagnostics.map(d => d.message).join("\n"));
  return explained.text;
}
const explained = async (path: string): Promise<Explanation> => JSON.parse(await text(path, "json"));

function expectFile(name: string, actual: string): void {
  const path = join(import.meta.dirname, "expected", name);
  if (process.env.UPDATE) {
    mkdirSync(join(import.meta.dirname, "expected"), { recursive: true });
    writeFileSync(path, actual);
  }
  expect(actual).toBe(readFileSync(path, "utf8"));
}

describe("a program", () => {
  test.each([
    ["look-ups.txt", LOOK_UPS, "text"],
    ["look-ups.mmd", LOOK_UPS, "mermaid"],
    ["four-stages.txt", STAGES, "text"],
    ["parts.txt", `${SAMPLES}/ensemble-subgraph/main.ensemble.ts`, "text"],
    ["functions.txt", `${SAMPLES}/workflow-functions/main.workflow.ts`, "text"],
    ["workflow.txt", `${SAMPLES}/workflow-ranking/main.workflow.ts`, "text"],
  ] as const)("%s", async (name, path, format) => expectFile(name, await text(path, format)));
});

async function built(name: string, path = STAGES, change: (text: string) => string = text => text): Promise<string> {
  const compiled = await compile(path);
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.message);
  const out = join(folder, name);
  build(compiled, out);
  const plan = join(out, compiled.plan.name, "1", "plan.json");
  writeFileSync(plan, change(readFileSync(plan, "utf8")));
  return out;
}

describe("what was built", () => {
  test("a repository, its model, its version and its plan are explained alike", async () => {
    const repository = await built("repository");
    const texts = await Promise.all(
      ["", "recommend", "recommend/1", "recommend/1/plan.json"].map(part => text(join(repository, part))),
    );
    for (const each of texts) expect(each).toBe(texts[0]);
    const [fromProgram, fromBuild] = [await explained(STAGES), await explained(repository)];
    expect(fromBuild.layouts).toBeNull();
    expect({ ...fromBuild, origin: "", passes: null, saved: fromProgram.saved }).toEqual({
      ...fromProgram,
      origin: "",
      passes: null,
      layouts: null,
    });
    expect(texts[0]).toContain("A built plan has no record of the passes");
  });

  test.each(EXPLAIN_FORMATS)("nothing of this machine is in the %s form", async format => {
    expect(await text(STAGES, format)).not.toContain(process.cwd());
  });

  test("a file that is not a plan is refused by name", async () => {
    await expect(text(join(folder, "nowhere"))).rejects.toThrow(/nowhere: there is no such file/);
    const empty = join(folder, "empty");
    mkdirSync(empty);
    await expect(text(empty)).rejects.toThrow(/empty: there is no plan in it/);
    await expect(text("package.json")).rejects.toThrow(/package.json is not a Merlon plan/);
    const two = await built("two");
    cpSync(join(two, "recommend"), join(two, "other"), { recursive: true });
    await expect(text(two)).rejects.toThrow(/it holds 2 ensembles; give one: .*other, .*recommend/);
    await expect(text(two, "text", ["pruneColumns"])).rejects.toThrow(/`--off` is for files that are compiled/);
  });
});

describe("--diff", () => {
  const diff = async (before: string, after: string) => {
    const found = await explainDiff(before, after, { format: "text" });
    if (!found.ok) throw new Error("not compiled");
    return {
      equal: found.equal,
      text: found.text.replaceAll(relative(process.cwd(), folder), "TMP").replaceAll(folder, "TMP"),
    };
  };

  test("a program and what was built from it are the same", async () => {
    const { equal, text } = await diff(await built("same"), STAGES);
    expect([equal, text]).toEqual([
      true,
      `TMP/same/recommend/1/plan.json → ${STAGES}\nThe same: 9 steps, and every file they use.\n`,
    ]);
  });

  test("as JSON", async () => {
    const after = await built("json", STAGES, plan => plan.replace('"topk": 20', '"topk": 30'));
    const found = await explainDiff(STAGES, after, { format: "json" });
    expect(found.ok && JSON.parse(found.text)).toMatchObject({
      format: "merlon/diff",
      version: 1,
      request: [],
      answer: [],
      same: 8,
      steps: [
        {
          id: "retrieval.queryFaiss",
          kind: "changed",
          op: "queryFaiss",
          changes: [{ what: "params.topk", before: "20", after: "30" }],
        },
      ],
    });
    await expect(explainDiff(STAGES, after, { format: "html" })).rejects.toThrow(
      /printed as text or json, not as html/,
    );
  });
});
