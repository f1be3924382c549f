/**
 * `merlon client` and `merlon typegen` for clients, as a person types them.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serve } from "#runtime/server/index.js";
import { MERLON } from "../../needs/built.js";
import { contractRepository } from "../../runtime/client/contract-models.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-command-"));
let server: Awaited<ReturnType<typeof serve>>;

/** Returns a ragged column unchanged, and a third of each value. */
function writeRaggedModel(models: string): void {
  mkdirSync(join(models, "bag", "1"), { recursive: true });
  const tensor = (side: string, name: string, type: string) =>
    `${side} { name: "bought__${name}" data_type: TYPE_${type} dims: -1 }\n`;
  const pair = (side: string, type: string) => tensor(side, "values", type) + tensor(side, "offsets", "INT32");
  writeFileSync(
    join(models, "bag", "config.pbtxt"),
    `backend: "javascript"\n${pair("input", "INT64")}${pair("output", "FP32")}`,
  );
  writeFileSync(
    join(models, "bag", "1", "model.mjs"),
    `export const execute = requests => requests.map(({ inputs }) => {
  const [values, offsets] = [inputs.bought__values.data, inputs.bought__offsets.data];
  return { outputs: [
    { name: "bought__values", datatype: "FP32", shape: [values.length], data: Float32Array.from(values, v => Number(v) / 3) },
    { name: "bought__offsets", datatype: "INT32", shape: [offsets.length], data: offsets },
  ] };
});`,
  );
}

beforeAll(async () => {
  const models = contractRepository(join(folder, "models"), ["two", "count", "batched", "echo_int64"]);
  writeRaggedModel(models);
  mkdirSync(join(models, "maybe", "1"), { recursive: true });
  writeFileSync(
    join(models, "maybe", "config.pbtxt"),
    'backend: "mock"\ninput [ { name: "a" data_type: TYPE_FP32 dims: 1 }, { name: "b" data_type: TYPE_FP32 dims: 1 optional: true } ]\noutput { name: "y" data_type: TYPE_FP32 dims: 1 }\n',
  );
  const loopback = { port: 0, address: "127.0.0.1" };
  server = await serve({
    modelRepositories: [models],
    ...{ http: loopback, grpc: loopback, metrics: false, modelControlMode: "explicit", loadModels: ["*"] },
    writeLog: () => {},
  } as Parameters<typeof serve>[0]);
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
const merlon = (...words: string[]): Promise<Ended> =>
  promisify(execFile)(process.execPath, [MERLON, ...words], {
    cwd: folder,
    env: { ...process.env, MERLON_URL: `grpc://127.0.0.1:${server.ports.grpc}` },
  }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Ended) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
  );

test.each(["grpc", "http"] as const)(
  "a model that is not there, over %s: the near name, otherwise those that are",
  async over => {
    const url = `${over}://127.0.0.1:${server.ports[over]}`;
    const near = await merlon("client", "infer", "batchd", "INPUT0=1", "--url", url);
    expect([near.code, near.stderr]).toEqual([
      1,
      "merlon: Request for unknown model: 'batchd' is not found. Did you mean `batched`?\n",
    ]);
    const far = await merlon("client", "describe", "recommendations", "--url", url);
    expect(far.stderr).toMatch(/'recommendations' is not found\. The server has (`\w+`, )+`\w+`(, …)?\n$/);
  },
);

test("status, models, describe, load and unload", async () => {
  expect((await merlon("client", "status")).stdout).toMatch(/ready +true/);
  expect((await merlon("client", "models", "--json")).stdout).toContain('"name": "two"');
  const { stdout } = await merlon("client", "describe", "batched");
  expect(stdout).toMatch(/batches of up to 8/);
  expect(stdout).toMatch(/input +INPUT0 +FP32 +\[-1, 3\]/);
  expect((await merlon("client", "unload", "echo_int64")).stdout).toBe("✔ Unloaded echo_int64\n");
  expect((await merlon("client", "models")).stdout).toMatch(/echo_int64 +1 +UNAVAILABLE/);
  expect((await merlon("client", "load", "echo_int64")).stdout).toBe("✔ Loaded echo_int64\n");
  const nobody = await merlon("client", "status", "--url", "grpc://127.0.0.1:1");
  expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining("nothing answers at 127.0.0.1:1")]);
});

test("infer takes words, JSON, files and rows; big integers stay exact", async () => {
  writeFileSync(join(folder, "request.json"), JSON.stringify({ INPUT0: [3], INPUT1: ["c"] }));
  writeFileSync(join(folder, "rows.csv"), "INPUT0,INPUT1\n1,a\n2,b\n");
  const json = async (...words: string[]) => {
    const { code, stdout, stderr } = await merlon("client", "infer", ...words, "--json");
    expect([code, stderr]).toEqual([0, ""]);
    return JSON.parse(stdout).outputs;
  };
  expect(await json("two", "INPUT0=1,2", "INPUT1=a,b", "-o", "OUTPUT0")).toEqual({
    OUTPUT0: { datatype: "INT32", shape: [2], data: [1, 2] },
  });
  expect((await json("two", "--data", "@request.json")).OUTPUT1.data).toEqual(["c"]);
  expect((await json("two", "--rows", "rows.csv")).OUTPUT1.data).toEqual(["a", "b"]);
  const connection = await (await DuckDBInstance.create()).connect();
  await connection.run(
    `COPY (SELECT i::INTEGER AS "INPUT0", 'p' || i AS "INPUT1" FROM range(5) AS t(i)) TO '${folder}/rows.parquet' (FORMAT parquet)`,
  );
  await connection.run(
    `COPY (SELECT 9223372036854775807 - i AS "INPUT0" FROM range(3) AS t(i)) TO '${folder}/ids.parquet' (FORMAT parquet)`,
  );
  connection.closeSync();
  expect((await json("two", "--rows", "rows.parquet", "--limit", "3")).OUTPUT1.data).toEqual(["p0", "p1", "p2"]);
  expect((await json("echo_int64", "--rows", "ids.parquet")).OUTPUT0.data).toEqual(
    [0n, 1n, 2n].map(i => String(9223372036854775807n - i)),
  );
  expect((await json("echo_int64", "INPUT0=[9223372036854775807]")).OUTPUT0.data).toEqual(["9223372036854775807"]);
  expect(JSON.parse((await merlon("client", "infer", "batched", "--template")).stdout)).toEqual({
    INPUT0: [[0, 0, 0]],
  });
  expect(
    (await merlon("client", "infer", "two", "INPUT0=1", "INPUT1=a", "--url", `http://127.0.0.1:${server.ports.http}`))
      .stdout,
  ).toMatch(/OUTPUT0 {2}INT32 \[1\]\n {2}1/);
  const wrong = await merlon("client", "infer", "two", "INPUT0=x", "INPUT1=a");
  expect([wrong.code, wrong.stderr]).toEqual([
    1,
    'merlon: input `INPUT0`: element 0 is "x", and INT32 takes integers from -2147483648 to 2147483647\n',
  ]);
});

test("typegen writes models of a server and of a repository alike", async () => {
  const url = `http://127.0.0.1:${server.ports.http}`;
  expect((await merlon("typegen", "--server", url, "--out", "live.ts")).stdout).toContain("✔ Wrote live.ts: 6 models");
  expect((await merlon("typegen", "--model-repository", "models", "--out", "there.ts")).stdout).toContain("6 models");
  const body = (file: string): string => readFileSync(join(folder, file), "utf8").split("\n").slice(1).join("\n");
  expect(body("live.ts")).toBe(body("there.ts"));
  expect(body("there.ts")).toContain('INPUT0: { datatype: "FP32", shape: [-1, 3] }');
  const check = await merlon("typegen", "--model-repository", "models", "--out", "there.ts", "--check");
  expect(check.stdout).toBe("✔ there.ts is up to date\n");
  writeFileSync(join(folder, "there.ts"), "");
  expect((await merlon("typegen", "--model-repository", "models", "--out", "there.ts", "--check")).code).toBe(1);
});
