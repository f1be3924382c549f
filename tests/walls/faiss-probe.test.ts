// A file that is in no manifest is opened in another process first. If it crashes native code, it costs one model, and the server names it.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { pathInside } from "#contract/files/path-inside.js";
import { type Plan, printPlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { probeIndex } from "#runtime/stores/vectors/probe-index.js";
import { builtUrl } from "../needs/built.js";
import { repository, startServer } from "../runtime/server/support.js";

const kinds = fileURLToPath(new URL("../fixtures/faiss-kinds/1.15.1", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "merlon-probe-"));
afterAll(() => rmSync(folder, { recursive: true }));
const options = process.env.NODE_OPTIONS;
afterEach(() => {
  if (options === undefined) delete process.env.NODE_OPTIONS;
  else process.env.NODE_OPTIONS = options;
});
const script = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
/** As a fault of native code would, in the process that opens an index whose path holds these letters. */
const fault = script(
  "fault.cjs",
  `if (process.argv[1]?.includes("probe-child") && process.argv[2].includes("damaged")) process.kill(process.pid, "SIGSEGV");`,
);

const query = column("query", "float32", { list: { min: 8, max: 8 } });
const ids = column("ids", "int64", { rows: "retrieval" });
const plan: Plan = {
  format: "merlon/plan",
  version: 1,
  kind: "ensemble",
  name: "near",
  inputs: [query],
  steps: [
    {
      id: "retrieval",
      op: "queryFaiss",
      label: "retrieval",
      params: { path: "i", topk: 3, includeDistances: false },
      artefacts: { index: pathInside("items.faiss") },
      inputs: { input: [{ name: "query", step: "request", column: "query" }] },
      outputs: [ids],
    },
  ],
  outputs: [{ ref: { name: "ids", step: "retrieval", column: "ids" }, schema: ids }],
};
const config = (name: string): string =>
  `name: "${name}" backend: "merlon" max_batch_size: 8
input { name: "query" data_type: TYPE_FP32 dims: 8 } output { name: "ids" data_type: TYPE_INT64 dims: -1 }`;

function models(...names: string[]): string {
  const made = repository(["echo_int32"]);
  for (const name of names) {
    mkdirSync(join(made, name, "1"), { recursive: true });
    writeFileSync(join(made, name, "config.pbtxt"), config(name));
    writeFileSync(join(made, name, "1", "plan.json"), printPlan(plan));
    cpSync(join(kinds, "ivf-pq.faiss"), join(made, name, "1", "items.faiss"));
  }
  return made;
}
const infer = { inputs: [{ name: "query", datatype: "FP32", shape: [1, 8], data: [1, 2, 3, 4, 5, 6, 7, 8] }] };

test("a model whose index faults native code is not loaded, by name; the others are served", async () => {
  process.env.NODE_OPTIONS = `--require ${fault}`;
  const made = models("good", "damaged");
  const server = await startServer(made, { exitOnError: false });
  try {
    const index = (await server.json("/v2/repository/index", { method: "POST" })).body as {
      name: string;
      state: string;
      reason: string;
    }[];
    const of = (name: string) => index.find(model => model.name === name)!;
    expect(of("damaged").state).toBe("UNAVAILABLE");
    expect(of("damaged").reason).toContain(
      `${join(made, "damaged", "1", "items.faiss")} cannot be loaded: a process that opened and searched it first ended with SIGSEGV. The file is damaged, or FAISS fails on it.`,
    );
    expect(of("good").state).toBe("READY");
    expect(await server.post("/v2/models/good/infer", infer)).toMatchObject({ status: 200 });
    expect((await server.post("/v2/models/damaged/infer", infer)).status).toBe(404);
  } finally {
    await server.stop();
    rmSync(made, { recursive: true });
  }
}, 60_000);

test("a file that the manifest of `merlon build` lists is opened at once", async () => {
  process.env.NODE_OPTIONS = `--require ${fault}`;
  const made = join(folder, "damaged-in-name-only");
  cpSync(fileURLToPath(new URL("../../model-repo", import.meta.url)), made, { recursive: true });
  const server = await startServer(made, { exitOnError: false });
  try {
    expect((await server.json("/v2/models/recommend/ready")).status).toBe(200);
  } finally {
    await server.stop();
  }
}, 60_000);

describe("the process", () => {
  const path = join(kinds, "ivf-pq.faiss");
  test.each(["fastest", "thread"] as const)("opens and searches a whole file: %s", async by => {
    await probeIndex(path, { nprobe: 2 }, by);
  });
  test("ends at its deadline", async () => {
    const child = script("sleep.cjs", "setInterval(() => {}, 1000)");
    await expect(probeIndex(path, {}, "fastest", { child, fixedMs: 200 })).rejects.toThrow(
      /ivf-pq\.faiss cannot be loaded: a process that opened and searched it first ended with SIGKILL after 2\d\d ms/,
    );
  });
  test("says what failed, and has a limit on its memory", async () => {
    const child = script(
      "memory.mjs",
      `const { limitMemory } = await import(${JSON.stringify(builtUrl("runtime/stores/vectors/native-index.js"))});
limitMemory(JSON.parse(process.argv[2]).memory);
const held = [];
try { for (let i = 0; i < 8; i++) held.push(new Uint8Array(2 ** 30)); } catch (error) { process.stdout.write(error.message); process.exit(1); }`,
    );
    await expect(probeIndex(path, {}, "fastest", { child })).rejects.toThrow(
      /ivf-pq\.faiss cannot be loaded: a process that opened and searched it first failed: Array buffer allocation failed\.$/,
    );
  });
});
