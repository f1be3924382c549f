/**
 * `merlon serve --ui` as a process: another HTTP address, restricted APIs, and a page beyond the loopback address only on request.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { expect, test } from "vitest";
import { isOwn } from "#cli/ui/own-address.js";
import { MERLON } from "../../needs/built.js";
import { untilWritten } from "../../run/wait.js";
import { repository } from "../../runtime/server/support.js";

async function serveUi(...flags: readonly string[]) {
  const ports = ["--http-port=0", "--grpc-port=0", "--metrics-port=0", "--grpc-address=127.0.0.1"];
  const child = spawn(process.execPath, [
    MERLON,
    "serve",
    "--model-repository",
    repository(["calc_fp32"]),
    ...ports,
    ...flags,
  ]);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", chunk => (text += chunk));
  const ended = once(child, "exit");
  const found = async (pattern: RegExp): Promise<string> => (await untilWritten(child, () => text, pattern))[1]!;
  return {
    ended: () => ended.then(([code]) => ({ code, text })),
    found,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

test("the page finds a server on another address, and has the keys of the APIs it needs alone", async () => {
  await using server = await serveUi(
    "--http-address=127.0.0.2",
    "--http-restricted-api=model-repository,statistics,metadata,inference:secret=key",
    "--ui=0",
  );
  const page = await server.found(/The page: (http:\S+)/);
  const port = await server.found(/HTTPService at 127\.0\.0\.2:(\d+)/);
  expect((await fetch(`http://127.0.0.2:${port}/v2`)).status).toBe(403);
  // The page refuses the same paths as the port.
  const paths = [
    "counts",
    "events",
    "history",
    "requests",
    "requests/1",
    "graph/calc_fp32",
    "v2/models/calc_fp32/docs",
    "v2",
  ];
  for (const path of [...paths, "v2/models/calc_fp32", "v2/models/stats"])
    expect([path, (await fetch(`${page}${path}`)).status]).toEqual([path, 403]);
  for (const key of ["", "Key", "key ", "keys"])
    expect((await fetch(`${page}counts`, { headers: { secret: key } })).status).toBe(key === "key " ? 200 : 403);
  expect((await fetch(`${page}v2/repository/index`, { method: "POST", body: "{}" })).status).toBe(403);
  expect((await fetch(`${page}v2/models/calc_fp32/infer`, { method: "POST", body: "{}" })).status).toBe(403);
  expect(await (await fetch(`${page}access`)).json()).toEqual({ missing: ["secret"] });
  const html = await (await fetch(page)).text();
  // Each script that the page names is there, and each that one of them imports.
  const scripts = [...html.matchAll(/<script type="module" src="\/([\w-]+\.js)"/g)].map(([, name]) => name!);
  for (const name of scripts) {
    const got = await fetch(`${page}${name}`);
    expect([name, got.status, got.headers.get("content-security-policy")]).toEqual([
      name,
      200,
      expect.stringContaining("default-src 'none'"),
    ]);
    for (const [, other] of (await got.text()).matchAll(/from "\.\/([\w-]+\.js)"/g))
      if (!scripts.includes(other!)) scripts.push(other!);
  }
  expect(scripts.length).toBeGreaterThan(15);
  const headers = { secret: "key" };
  expect(await (await fetch(`${page}access`, { headers })).json()).toEqual({ missing: [] });
  const get = (path: string) => fetch(`${page}${path}`, { headers });
  const counts = (await (await get("counts")).json()) as { models: object[]; stats: object[] };
  expect(counts.models).toMatchObject([{ name: "calc_fp32", state: "READY" }]);
  expect(counts.stats).toMatchObject([{ name: "calc_fp32" }]);
  const docs = await get("v2/models/calc_fp32/docs");
  expect(await docs.json()).toMatchObject({ openapi: "3.1.0" });
  const { inputs } = (await (await get("v2/models/calc_fp32")).json()) as {
    inputs: { name: string; datatype: string }[];
  };
  const data = Array.from({ length: 4 }, (_, i) => i);
  const body = JSON.stringify({
    id: "asked",
    inputs: inputs.map(({ name, datatype }) => ({ name, datatype, shape: [1, 4], data })),
  });
  const answer = await fetch(`${page}v2/models/calc_fp32/infer`, { method: "POST", body, headers });
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining("calc_fp32")]);
  expect(await (await get("requests")).json()).toMatchObject([
    { model: "calc_fp32", requestId: "asked", protocol: "HTTP" },
  ]);
  const load = await fetch(`${page}v2/repository/models/calc_fp32/load`, { method: "POST", body: "{}" });
  expect(load.status).toBe(403);
}, 60_000);

test("beyond loopback only with --ui-address, with a warning, and for this machine's own names", async () => {
  await using server = await serveUi("--http-address=127.0.0.1", "--ui=0", "--ui-address=0.0.0.0");
  const page = new URL(await server.found(/The page: (http:\S+)/));
  await server.found(/(anyone who reaches the page sees the tensors)/);
  const status = (host: string) =>
    new Promise(done => {
      request({ host: "127.0.0.1", port: page.port, path: "/counts", headers: { host } }, answer => {
        answer.resume();
        done(answer.statusCode);
      }).end();
    });
  expect(await status(`192.0.2.7:${page.port}`)).toBe(200);
  expect(await status("evil.example")).toBe(403);
  expect(isOwn("127.0.0.1", { host: "192.0.2.7:8003" })).toBe(false);
  expect(isOwn("::1", { host: "[::1]:8003", origin: "http://[::1]:8003" })).toBe(true);
  await using lost = await serveUi("--ui-address=0.0.0.0");
  expect(await lost.ended()).toMatchObject({
    code: 1,
    text: expect.stringContaining("--ui-address is of the page: add --ui"),
  });
  await using named = await serveUi("--ui=0", "--ui-address=example.com");
  expect(await named.ended()).toMatchObject({ code: 1, text: expect.stringContaining("takes an IP address") });
}, 60_000);
