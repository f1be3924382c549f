// Feast's own feature server (`feast serve`, 0.67) over a store that Feast wrote: the same answers as its SDK's, over HTTP.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "#conformance/free-ports.js";
import { Secret } from "#contract/secret.js";
import { python } from "../../../needs/python.js";
import { until } from "../../../run/wait.js";
import { feastAnswers, fixture, ourAnswers, repositoryOf } from "./every-type.js";

const name = "every-0.67-k3";
const at = (port: number) => ({
  ...repositoryOf(name),
  onlineStore: { type: "remote" as const, url: new Secret(`http://127.0.0.1:${port}`, `http://127.0.0.1:${port}`) },
});

describe("Feast's feature server", () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-feast-serve-"));
  let server: ChildProcess;
  let port: number;
  beforeAll(async () => {
    cpSync(fixture(name), folder, { recursive: true });
    port = await freePort();
    const env = { ...process.env, FEAST_USAGE: "False", TZ: "UTC" };
    server = spawn(join(dirname(python()), "feast"), ["serve", "--host", "127.0.0.1", "--port", String(port)], {
      cwd: folder,
      env,
      stdio: "ignore",
    });
    const isUp = () =>
      fetch(`http://127.0.0.1:${port}/health`).then(
        r => r.ok,
        () => false,
      );
    const hasEnded = (): boolean => server.exitCode !== null;
    await until("feast serve is healthy, or has ended", async () => hasEnded() || isUp(), 110_000);
    expect(hasEnded()).toBe(false);
  }, 120_000);
  afterAll(async () => {
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });

  test("every type, composite keys, a service", async () => {
    const { tokens, ...answers } = feastAnswers(name);
    expect(tokens).toBeDefined();
    expect(await ourAnswers(name, at(port), { timeoutMs: 20_000 }, ["tokens"])).toEqual(answers);
    // Feast's server itself has no look-up by bytes.
    await expect(ourAnswers(name, at(port), { timeoutMs: 20_000 })).rejects.toThrow("looked up by the BYTES `token`");
  }, 60_000);
});
