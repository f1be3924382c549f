/**
 * The client and the server for tests under Node, Bun and Deno. The last two run if they are on the path, or in `MERLON_BUN` and
 * `MERLON_DENO` (`npm install bun deno` anywhere installs both).
 */
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer } from "../server/support.js";
import { contractRepository } from "./contract-models.js";

const script = new URL("any-runtime.mjs", import.meta.url).pathname;
const testServer = new URL("any-test-server.mjs", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "merlon-runtimes-"));
let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  server = await startServer(contractRepository(folder), { metrics: false, httpMaxInputSize: 2 ** 28 });
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const found = (program: string): string | undefined =>
  spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0 ? program : undefined;
const RUNTIMES = [
  ["Node", process.execPath, []],
  ["Bun", process.env.MERLON_BUN ?? found("bun"), ["run"]],
  ["Deno", process.env.MERLON_DENO ?? found("deno"), ["run", "--allow-all", "--no-lock"]],
] as const;
const missing = (name: string): string =>
  `${name} is not on the path; MERLON_${name.toUpperCase()} names one elsewhere`;

test.for(RUNTIMES)("%s calls over gRPC and HTTP", { timeout: 60_000 }, async ([name, program, words], { skip }) => {
  skip(program === undefined, missing(name));
  const urls = [`grpc://127.0.0.1:${server.ports.grpc}`, server.http];
  const { stdout } = await promisify(execFile)(program!, [...words, script, ...urls]);
  expect(JSON.parse(stdout.trim().split("\n").at(-1)!)).toEqual({
    grpc: { streamed: [0, 1, 2], answers: 200 },
    http: { streamed: [0, 1, 2], answers: 200 },
  });
});

test.for(RUNTIMES)(
  "%s serves a model written in the test, with a fault",
  { timeout: 60_000 },
  async ([name, program, words], { skip }) => {
    skip(program === undefined, missing(name));
    const { stdout } = await promisify(execFile)(program!, [...words, testServer]);
    expect(JSON.parse(stdout.trim().split("\n").at(-1)!)).toEqual({
      http: [3, -4],
      httpFault: "UNAVAILABLE",
      grpc: [3, -4],
      grpcFault: "UNAVAILABLE",
    });
  },
);
