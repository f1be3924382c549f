/**
 * `merlon serve` opens its ports before its models are loaded. It is live, not ready, and refuses calls about models with the words of
 * Triton's core. Triton's own server is in that state before it listens. `tritonserver` listens when all are loaded.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { connect } from "#runtime/client/index.js";
import { freePort } from "../../../conformance/free-ports.js";
import { MERLON, TRITONSERVER } from "../../../needs/built.js";
import { repository, startServer } from "../support.js";

/** A repository with a model that loads when `go` is called, or fails then. */
function slowRepository() {
  const folder = repository(["calc_fp32"], {
    "slow/config.pbtxt": `backend: "javascript"
      input [ { name: "X" data_type: TYPE_INT32 dims: [ 1 ] } ] output [ { name: "Y" data_type: TYPE_INT32 dims: [ 1 ] } ]`,
    "slow/1/model.mjs": `import { existsSync, writeFileSync } from "node:fs";
      export async function initialize({ folder }) {
        writeFileSync(folder + "/begun", "");
        while (!existsSync(folder + "/go")) await new Promise(next => setTimeout(next, 10));
        if (existsSync(folder + "/fail")) throw new Error("it does not load");
      }
      export const execute = requests => requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));`,
  });
  return {
    folder,
    loading: () =>
      vi.waitFor(() => expect(existsSync(join(folder, "slow/1/begun"))).toBe(true), { timeout: 30_000, interval: 20 }),
    go: () => writeFileSync(join(folder, "slow/1/go"), ""),
    fail() {
      writeFileSync(join(folder, "slow/1/fail"), "");
      this.go();
    },
  };
}

const INFER = { inputs: [{ name: "X", shape: [1], datatype: "INT32", data: [7] }] };
const REFUSED = { status: 503, body: { error: "Server not ready" } };
const freePorts = async () => ({ http: await freePort(), grpc: await freePort(), metrics: await freePort() });

test("a loading server is live and not ready, and refuses what concerns models, over both protocols", async () => {
  const slow = slowRepository();
  const ports = await freePorts();
  const at = (port: number) => ({ port, address: "127.0.0.1" });
  const starting = startServer(slow.folder, {
    ...{ http: at(ports.http), grpc: at(ports.grpc), metrics: at(ports.metrics) },
    // A server that need not have all models ready is not ready either.
    ...{ opensEarly: true, strictReadiness: false, modelControlMode: "explicit", loadModels: ["*"] },
  });
  await slow.loading();
  const http = `http://127.0.0.1:${ports.http}`;
  const ask = async (path: string, body?: unknown) => {
    const answer = await fetch(http + path, body === undefined ? {} : { method: "POST", body: JSON.stringify(body) });
    const text = await answer.text();
    return { status: answer.status, body: text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : text };
  };
  const client = await connect(`grpc://127.0.0.1:${ports.grpc}`);
  try {
    expect(await ask("/v2/health/live")).toMatchObject({ status: 200 });
    expect(await ask("/v2/health/ready")).toMatchObject({ status: 400 });
    expect(await ask("/v2")).toMatchObject({ status: 200, body: { name: "triton" } });
    for (const path of ["/v2/models/slow/ready", "/v2/models/calc_fp32", "/v2/models/slow/config", "/v2/models/stats"])
      expect(await ask(path), path).toMatchObject(REFUSED);
    for (const path of [
      "/v2/models/slow/infer",
      "/v2/models/slow/generate",
      "/v2/models/slow/generate_stream",
      "/v2/repository/index",
      "/v2/repository/models/slow/load",
      "/v2/repository/models/calc_fp32/unload",
    ])
      expect(await ask(path, INFER), path).toMatchObject(REFUSED);
    expect((await fetch(`http://127.0.0.1:${ports.metrics}/metrics`)).status).toBe(200);
    expect([await client.isServerLive(), await client.isServerReady()]).toEqual([true, false]);
    const refused = { code: "UNAVAILABLE", message: expect.stringContaining("Server not ready") };
    await expect(
      client.infer("slow", { X: { datatype: "INT32", shape: [1], data: [7] } } as never),
    ).rejects.toMatchObject(refused);
    expect(await client.isModelReady("slow")).toBe(false);
    // The body of a request that is refused anyway is not waited for.
    const large = `POST /v2/models/slow/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${2 ** 26}\r\n\r\n{`;
    expect(await firstWords(ports.http, large)).toMatch(/^HTTP\/1\.1 503 /);
    slow.go();
    const server = await starting;
    try {
      expect(await ask("/v2/health/ready")).toMatchObject({ status: 200 });
      expect(await ask("/v2/models/slow/infer", INFER)).toMatchObject({
        status: 200,
        body: { outputs: [{ data: [7] }] },
      });
      expect(server.ports).toMatchObject(ports);
      const log = server.log.join("");
      // Scripts that wait for these lines find a server that is ready.
      for (const line of ["Started GRPCInferenceService at", "Started HTTPService at", "Started Metrics Service at"])
        expect(log.split(line)).toHaveLength(2);
      expect(log.indexOf("Started GRPCInferenceService")).toBeGreaterThan(log.indexOf("successfully loaded 'slow'"));
    } finally {
      await server.stop();
    }
    await expect(fetch(http)).rejects.toThrow();
  } finally {
    await client.close();
  }
});

test("a start that fails closes the ports it opened", async () => {
  const slow = slowRepository();
  const ports = await freePorts();
  const at = (port: number) => ({ port, address: "127.0.0.1" });
  const starting = startServer(slow.folder, {
    ...{ http: at(ports.http), grpc: at(ports.grpc), metrics: at(ports.metrics), opensEarly: true },
  });
  const failed = expect(starting).rejects.toThrow("failed to load all models");
  await slow.loading();
  for (const port of Object.values(ports)) expect(await listens(port)).toBe(true);
  slow.fail();
  await failed;
  for (const port of Object.values(ports)) expect(await listens(port)).toBe(false);
});

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

function start(
  program: string,
  words: readonly string[],
  { http, grpc, metrics }: Awaited<ReturnType<typeof freePorts>>,
) {
  const flags = [`--http-port=${http}`, `--grpc-port=${grpc}`, `--metrics-port=${metrics}`];
  const addresses = ["--http-address=127.0.0.1", "--grpc-address=127.0.0.1", "--metrics-address=127.0.0.1"];
  const child = spawn(process.execPath, [program, ...words, ...flags, ...addresses], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let said = "";
  // Two pipes have no order between them: the log's notes are on the other one.
  child.stdout.resume();
  child.stderr.on("data", chunk => (said += chunk));
  return { child, said: () => said, ended: once(child, "close") as Promise<[number | null, string | null]> };
}

/** A server's first response to these bytes. */
const firstWords = (port: number, bytes: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connectTcp(port, "127.0.0.1", () => socket.write(bytes));
    socket.once("data", answer => {
      socket.destroy();
      resolve(answer.toString());
    });
    socket.on("error", reject);
  });

const listens = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connectTcp(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });

test.each([
  ["merlon serve", MERLON, ["serve"], true],
  ["tritonserver", TRITONSERVER, [], false],
] as const)(
  "%s: whether ports are open while models load; a start that fails ends with its code and message",
  async (_, program, words, open) => {
    const slow = slowRepository();
    const ports = await freePorts();
    const { said, ended } = start(program, [...words, `--model-repository=${slow.folder}`], ports);
    await slow.loading();
    expect(await Promise.all(Object.values(ports).map(listens))).toEqual([open, open, open]);
    if (open) expect((await fetch(`http://127.0.0.1:${ports.http}/v2/health/live`)).status).toBe(200);
    slow.fail();
    expect(await ended).toEqual([1, null]);
    // Triton's line is the last one of `tritonserver`; `merlon serve` lists the reasons after it.
    const [, after] = said().split("error: creating server: Internal - failed to load all models\n");
    expect(after).toMatch(open ? /^ {2}\S+ version 1: .+\n$/ : /^$/);
  },
);

test("client status says that it is not ready, and with --retry waits until it is", async () => {
  const slow = slowRepository();
  const ports = await freePorts();
  start(MERLON, ["serve", `--model-repository=${slow.folder}`], ports);
  await slow.loading();
  const status = (...words: readonly string[]) => {
    const child = spawn(process.execPath, [
      MERLON,
      "client",
      "status",
      "--url",
      `grpc://127.0.0.1:${ports.grpc}`,
      ...words,
    ]);
    let said = "";
    child.stdout.on("data", chunk => (said += chunk));
    return once(child, "close").then(([code]) => ({ code, said }));
  };
  expect(await status()).toEqual({ code: 1, said: expect.stringMatching(/^live +true\nready +false$/m) });
  const waiting = status("--retry", "40");
  slow.go();
  expect(await waiting).toEqual({ code: 0, said: expect.stringMatching(/^ready +true$/m) });
});

test("a signal ends a server whose models still load at once", async () => {
  const slow = slowRepository();
  const { child, ended } = start(MERLON, ["serve", `--model-repository=${slow.folder}`], await freePorts());
  await slow.loading();
  child.kill("SIGTERM");
  expect(await ended).toEqual([null, "SIGTERM"]);
});
