// Feast's own feature server (`feast serve`, 0.67) over a store that Feast wrote: the same answers as its SDK's, over HTTP.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "#conformance/free-ports.js";
import { Secret } from "#contract/secret.js";
import { findView } from "#formats/feast/feast-registry.js";
import { openStore } from "#runtime/stores/feast/open-store.js";
import { python } from "../../../needs/python.js";
import { scalars } from "../../../operators/step.js";
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

describe("a server that", () => {
  const serving = async (answer: (path: string) => [status: number, body: string] | undefined) => {
    const server: Server = createServer((request, response) => {
      const said = answer(request.url!);
      request.resume();
      if (said) response.writeHead(said[0]).end(said[1]);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const ask = async (timeoutMs = 2000) => {
      const repository = at(port);
      const store = await openStore(repository, { timeoutMs });
      const view = findView(repository.registry, "shops")!;
      const reader = await store.prepare([{ view, features: view.features }], { bytes: "utf8", eventTimes: false });
      try {
        return await reader.getOnline(new Map([["shop", scalars("string", ["süd"])]]), 1);
      } finally {
        await store.close();
      }
    };
    return {
      ask,
      stop: () =>
        new Promise(done => {
          server.closeAllConnections();
          server.close(done);
        }),
    };
  };
  const health = (path: string, body: [number, string]): [number, string] => (path === "/health" ? [200, ""] : body);

  test.each([
    [
      "refuses",
      (path: string) => health(path, [422, "feature shops:rating not found"]),
      /refuses \(422\): feature shops:rating not found\. Apply the same registry/,
    ],
    ["breaks", (path: string) => health(path, [500, "boom"]), /answers 500: boom/],
    ["talks of something else", (path: string) => health(path, [200, "<html>"]), /answers something that is not JSON/],
    [
      "answers too few values",
      (path: string) =>
        health(path, [
          200,
          '{"metadata":{"feature_names":["shop","shops__rating"]},"results":[{"values":["süd"]},{"values":[],"statuses":[]}]}',
        ]),
      /answers 0 values of `shops:rating` for 1 keys/,
    ],
    [
      "answers another type",
      (path: string) =>
        health(path, [
          200,
          '{"metadata":{"feature_names":["shop","shops__rating"]},"results":[{"values":["süd"]},{"values":[true],"statuses":["PRESENT"]}]}',
        ]),
      /`shops:rating` of shop süd can not be read: a number belongs there and the server answers the boolean true/,
    ],
    ["is unwell", () => [503, "starting"] as [number, string], /answers 503: starting/],
  ])("%s", async (_, answer, message) => {
    const server = await serving(answer);
    await expect(server.ask()).rejects.toThrow(message);
    await server.stop();
  });
  test("does not answer in time", async () => {
    const server = await serving(path => (path === "/health" ? [200, ""] : undefined));
    await expect(server.ask(200)).rejects.toThrow(/the feature server at http:\S+ did not answer within 200 ms/);
    await server.stop();
  });
});
