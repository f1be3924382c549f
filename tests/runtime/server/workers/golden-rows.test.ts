/**
 * Golden rows that a workflow does not reproduce, with two workers: one warning, or no worker has the model.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT } from "../../../run/graph.mjs";
import { serveWorkers } from "./served.js";

const MODELS = ["recommend", "recommend_dlrm", "recommend_query_tower"];
const MANIFEST = /parameters \{\s*key: "merlon_manifest"\s*value \{[^}]*\}\s*\}\s*/;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-golden-"));
  for (const name of MODELS) cpSync(join(ROOT, "model-repo", name), join(folder, name), { recursive: true });
  // Without checksums, only golden rows notice it.
  const model = join(folder, "recommend");
  rmSync(join(model, "manifest.json"));
  const config = join(model, "config.pbtxt");
  const text = readFileSync(config, "utf8");
  expect(text).toMatch(MANIFEST);
  writeFileSync(config, text.replace(MANIFEST, ""));
  const file = join(model, "1/workflows/etl-user/golden.json");
  const golden = JSON.parse(readFileSync(file, "utf8"));
  golden.outputs.user_id[0]++;
  writeFileSync(file, JSON.stringify(golden));
});
afterAll(() => rmSync(folder, { recursive: true }));

const DIFFERS = /column `user_id`, row 0, of step `[\w.]+` \(categorify\) is \d+, where \d+ is expected/g;

test("a difference is logged once, and all workers serve", async () => {
  const served = await serveWorkers(folder, 2);
  try {
    expect((await served.call("GET", "/v2/models/recommend/ready")).status).toBe(200);
    expect(served.log().match(DIFFERS)).toHaveLength(1);
  } finally {
    expect(await served.stop()).toBe(0);
  }
});

test("with `refuse`, the load fails with the difference, and no worker has the model", async () => {
  const flags = ["--verify-workflows", "refuse", "--model-control-mode", "explicit"];
  const served = await serveWorkers(folder, 2, flags);
  try {
    const { status, json } = await served.call("POST", "/v2/repository/models/recommend/load", {});
    expect(status).toBe(400);
    expect(json.error).toMatch(DIFFERS);
    for (let i = 0; i < 4; i++) expect((await served.call("GET", "/v2/models/recommend/ready")).status).toBe(400);
  } finally {
    expect(await served.stop()).toBe(0);
  }
});
