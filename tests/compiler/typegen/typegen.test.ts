import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { readEnvironment } from "#compiler/typegen/environment.js";
import { MERLON } from "../../needs/built.js";

const ROOT = resolve(import.meta.dirname, "../../..");
const ARTEFACTS = join(ROOT, "tests", "samples", "artefacts");

const PROGRAM = `import { ensemble, predictOnnx, queryFaiss, queryFeast, source, transformWorkflow } from "merlon";
const request = source({ user_id: "int64" });
const user = request >> queryFeast("features", { view: "user_features", includeId: true });
const query = user >> transformWorkflow("etl/user") >> predictOnnx("models/query_tower.onnx");
export default ensemble("x", query >> queryFaiss("index/items.faiss"));
`;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-typegen-"));
  cpSync(ARTEFACTS, folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}");
  writeFileSync(join(folder, "main.ensemble.ts"), PROGRAM);
});

const merlon = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MERLON, ...args], {
    cwd: folder,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
};
const entries = () => readEnvironment(readFileSync(join(folder, "merlon-env.d.ts"), "utf8"));
const squeeze = (text: string | undefined) => text?.replace(/\s+/g, " ");

describe("merlon typegen", () => {
  test("writes what the artefacts have, and the same bytes again", () => {
    expect(merlon("typegen", "main.ensemble.ts")).toMatchObject({
      status: 0,
      stdout: "✔ Wrote merlon-env.d.ts: 4 artefacts\n",
    });
    const first = readFileSync(join(folder, "merlon-env.d.ts"), "utf8");
    expect([...entries().keys()]).toEqual(["etl/user", "features", "index/items.faiss", "models/query_tower.onnx"]);
    expect(squeeze(entries().get("etl/user"))).toBe(
      '{ kind: "workflow"; inputs: "float32 age" | "string city"; outputs: "int64 city" | "float32 age"; }',
    );
    expect(squeeze(entries().get("index/items.faiss"))).toBe('{ kind: "faiss"; vector: "float32[4]"; }');
    expect(squeeze(entries().get("features"))).toContain('user_features: { key: "int64 user_id"; features:');
    expect(merlon("typegen", "main.ensemble.ts").stdout).toBe("✔ merlon-env.d.ts was up to date: 4 artefacts\n");
    expect(readFileSync(join(folder, "merlon-env.d.ts"), "utf8")).toBe(first);
  });

  test("says what it cannot read, and types the rest", () => {
    writeFileSync(join(folder, "main.ensemble.ts"), PROGRAM.replace("index/items.faiss", "index/item.faiss"));
    const { status, stderr, stdout } = merlon("typegen", "main.ensemble.ts");
    expect(status).toBe(0);
    expect(stderr).toContain("main.ensemble.ts: no types: The FAISS index `index/item.faiss` does not exist");
    expect(stdout).toContain("3 artefacts");
  });

  test("--check says when it is stale, check warns, build refreshes", () => {
    const stale =
      'export {};\ndeclare module "merlon" {\n  interface Artefacts {\n    "etl/user": never;\n    "mine": { kind: "faiss"; vector: "float32[2]" };\n  }\n}\n';
    writeFileSync(join(folder, "merlon-env.d.ts"), stale);
    expect(merlon("typegen", "--check").status).toBe(1);
    expect(readFileSync(join(folder, "merlon-env.d.ts"), "utf8")).toBe(stale);
    const checked = merlon("check", "main.ensemble.ts");
    expect(checked.status).toBe(0);
    expect(checked.stderr).toContain("main.ensemble.ts:4:41: warning[artefact/types-stale]");
    const built = merlon("build", "main.ensemble.ts", "--out", "repository");
    expect(built.stdout).toContain("✔ Refreshed merlon-env.d.ts");
    expect(built.stderr).toBe("");
    expect(entries().get("mine")).toBe('{ kind: "faiss"; vector: "float32[2]" }');
    expect(merlon("check", "main.ensemble.ts").stderr).toBe("");
  });
});
