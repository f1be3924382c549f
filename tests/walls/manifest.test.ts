// A flipped bit in any file of a built repository, or of a fitted folder: it is named, and never served silently.
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build, compile } from "#compiler/index.js";
import { readWorkflow } from "#formats/folders/workflow.js";
import { until } from "../run/wait.js";
import { repository as fixtures, startServer } from "../runtime/server/support.js";
import { random } from "./support/random.js";

const SAMPLES = join(import.meta.dirname, "..", "samples");
const folder = mkdtempSync(join(tmpdir(), "merlon-manifest-"));
const built = join(folder, "repository");
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  const compiled = await compile(join(SAMPLES, "ensemble-four-stages", "main.ensemble.ts"));
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]?.message);
  build(compiled, built);
}, 60_000);

/** Flips of one file. */
const FLIPS = 24;

const IDENTITY =
  'backend: "identity" input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ 1 ] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 1 ] } ]';

const filesOf = (root: string): string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();

/** @param place 0 to 1 */
function flipped(bytes: Buffer, place: number, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[Math.floor(place * copy.length)]! ^= 1 << bit;
  return copy;
}

test("a built repository: every file, many places", async () => {
  const server = await startServer(built, { modelControlMode: "explicit", loadModels: ["*"] });
  const ask = async (): Promise<string> => {
    const inputs = [{ name: "user_id", shape: [2, 1], datatype: "INT64", data: [1, 2] }];
    const { status, body } = await server.post("/v2/models/recommend/infer", { inputs, parameters: { seed: 5 } });
    return `${status} ${JSON.stringify(body)}`;
  };
  try {
    const good = await ask();
    expect(good).toMatch(/^200 /);
    const draw = random(1);
    const silent: string[] = [];
    for (const file of filesOf(built)) {
      const model = file.split("/")[0]!;
      const path = join(built, file);
      const bytes = readFileSync(path);
      const load = () => server.post(`/v2/repository/models/${model}/load`, {});
      for (let i = 0; i < FLIPS; i++) {
        const [place, bit] = [draw(), Math.floor(draw() * 8)];
        writeFileSync(path, flipped(bytes, place, bit));
        const from = server.log.length;
        const { status } = await load();
        const said = server.log.slice(from).join("");
        const where = `${file} byte ${Math.floor(place * bytes.length)} bit ${bit}`;
        // A damaged configuration is served only with a warning, since operators edit it.
        const edited = file.endsWith("/config.pbtxt") && said.includes(file);
        // A name in a manifest, or a counter in a check, that became another one leaves the files as they were.
        const same = /(manifest\.json|\.check)$/.test(file) && (await ask()) === good;
        if (status === 200 && !edited && !same) silent.push(where);
        if (status !== 200) expect(await ask(), where).toBe(good);
      }
      writeFileSync(path, bytes);
      expect((await load()).status, file).toBe(200);
      expect(await ask()).toBe(good);
    }
    expect(silent).toEqual([]);
  } finally {
    await server.stop();
  }
}, 120_000);

test("a missing manifest is reported, and a missing file is named", async () => {
  const server = await startServer(built, { modelControlMode: "explicit" });
  const load = async (model: string) => {
    const { status, body } = await server.post(`/v2/repository/models/${model}/load`, {});
    return `${status} ${JSON.stringify(body)}`;
  };
  const without = async (file: string, model: string): Promise<string> => {
    const path = join(built, model, file);
    const bytes = readFileSync(path);
    rmSync(path);
    try {
      return await load(model);
    } finally {
      writeFileSync(path, bytes);
    }
  };
  try {
    expect(await without("manifest.json", "recommend_ranker")).toMatch(
      /^400 .*manifest\.json is missing, and the parameter `merlon_manifest` of config\.pbtxt says that it belongs there.*Run `merlon build` again/,
    );
    expect(await without("1/workflows/artefacts-etl-user/schema.pbtxt", "recommend")).toMatch(
      /^400 .*schema\.pbtxt is missing; `merlon build` wrote it\. Run `merlon build` again/,
    );
    expect(await load("recommend")).toBe('200 ""');
  } finally {
    await server.stop();
  }
});

test("a mock stands in for a file that is not here, and a server that polls loads a build once", async () => {
  const partial = join(folder, "partial");
  cpSync(built, partial, { recursive: true });
  rmSync(join(partial, "recommend_ranker", "1", "model.onnx"));
  const server = await startServer(partial, {
    mockMissing: true,
    modelControlMode: "poll",
    repositoryPollSeconds: 0.05,
  });
  try {
    expect((await fetch(`${server.http}/v2/models/recommend_ranker/ready`)).status).toBe(200);
    // Two models that are added one after the other: polls have been made when they are there.
    for (const name of ["first_poll", "second_poll"]) {
      mkdirSync(join(partial, name, "1"), { recursive: true });
      writeFileSync(join(partial, name, "config.pbtxt"), IDENTITY);
      await expect.poll(() => server.log.join(""), { timeout: 20_000 }).toContain(`successfully loaded '${name}'`);
    }
    const loads = server.log.join("").match(/successfully loaded '\w+'/g) ?? [];
    expect(loads.sort()).toEqual([...new Set(loads)]);
    expect(loads).toHaveLength(5);
  } finally {
    await server.stop();
  }
});

test("FAISS files of a built repository are known, and trusted while they are what was written", async () => {
  const { isCovered, isTrusted } = await import("#runtime/server/models/verify-files.js");
  const index = join(built, "recommend", "1", "indexes", "artefacts-index-items.faiss");
  const server = await startServer(built);
  try {
    expect([isCovered(index), await isTrusted(index)]).toEqual([true, true]);
    expect(isCovered(join(built, "recommend", "1", "indexes", "other.faiss"))).toBe(false);
    const bytes = readFileSync(index);
    writeFileSync(index, flipped(bytes, 0.5, 0));
    expect(await isTrusted(index)).toBe(false);
    writeFileSync(index, bytes);
  } finally {
    await server.stop();
  }
});

/** A model as `merlon build` leaves it, with a file that is too large to be hashed before the server is ready. */
async function large(): Promise<{ readonly folder: string; readonly weights: string }> {
  const { printManifest } = await import("#formats/folders/manifest.js");
  const root = fixtures(["echo_int32"]);
  const model = join(root, "echo_int32");
  const weights = join(model, "1", "weights.bin");
  mkdirSync(join(model, "1"), { recursive: true });
  writeFileSync(weights, Buffer.alloc(3 << 20, 1));
  appendFileSync(join(model, "config.pbtxt"), '\nparameters { key: "merlon_manifest" value { string_value: "2" } }\n');
  writeFileSync(join(model, "manifest.json"), printManifest(model));
  return { folder: root, weights };
}

test("a large file is compared once the server is ready, and its model is unloaded", async () => {
  const { folder: root, weights } = await large();
  writeFileSync(weights, flipped(readFileSync(weights), 0.7, 3));
  const server = await startServer(root);
  try {
    expect((await fetch(`${server.http}/v2/health/ready`)).status).toBe(200);
    const index = async () =>
      (await server.post("/v2/repository/index", {})).body as { state: string; reason?: string }[];
    const entry = await until("the comparison", async () => (await index()).find(({ state }) => state !== "READY"));
    expect(entry).toMatchObject({ state: "UNAVAILABLE" });
    expect(entry.reason).toMatch(/1\/weights\.bin has the checksum sha256:\w{12}, but `merlon build` wrote sha256:/);
    expect((await fetch(`${server.http}/v2/models/echo_int32/ready`)).status).not.toBe(200);
    expect((await fetch(`${server.http}/v2/health/ready`)).status).not.toBe(200);
    // A file with a known verdict is not checked again.
    const again = await server.post("/v2/repository/models/echo_int32/load", {});
    expect(again.status).not.toBe(200);
  } finally {
    await server.stop();
    rmSync(root, { recursive: true, force: true });
  }
}, 60_000);

test("a large file that was cut short is refused before anything is read of it", async () => {
  const { folder: root, weights } = await large();
  writeFileSync(weights, readFileSync(weights).subarray(1));
  const server = await startServer(root, { modelControlMode: "explicit" });
  try {
    const { status, body } = await server.post("/v2/repository/models/echo_int32/load", {});
    expect(`${status} ${JSON.stringify(body)}`).toMatch(
      /^400 .*weights\.bin has 3145727 bytes, but `merlon build` wrote 3145728/,
    );
  } finally {
    await server.stop();
    rmSync(root, { recursive: true, force: true });
  }
});

test("a fitted folder: every file, many places", () => {
  const fitted = join(folder, "fitted");
  cpSync(join(SAMPLES, "artefacts", "etl", "lists"), fitted, { recursive: true });
  readWorkflow(fitted);
  const draw = random(2);
  const silent: string[] = [];
  for (const file of filesOf(fitted).filter(name => name !== "manifest.json")) {
    const path = join(fitted, file);
    const bytes = readFileSync(path);
    for (let i = 0; i < FLIPS; i++) {
      const place = draw();
      writeFileSync(path, flipped(bytes, place, Math.floor(draw() * 8)));
      try {
        readWorkflow(fitted);
        silent.push(`${file} byte ${Math.floor(place * bytes.length)}`);
      } catch (error) {
        expect((error as Error).message).toContain(join(fitted, file));
      }
    }
    writeFileSync(path, bytes);
  }
  expect(silent).toEqual([]);
});
