/**
 * Row 7: a restricted part of a protocol is closed on every route, spelling and verb; only the right key opens it.
 */
import { Agent, request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROUTES } from "#runtime/server/transport/http/routes.js";
import { RESTRICTABLE } from "#runtime/server/transport/restriction.js";
import type { Messages } from "#triton-protos/gen/messages.js";
import { repository } from "../runtime/server/support.js";
import { startTarget, type Target } from "./support.js";

const KEY = "sesame-5d1c";
let target: Target;
beforeAll(async () => {
  const all = `${RESTRICTABLE.join(",")}:x-key=${KEY}`;
  target = await startTarget(repository(["echo_int32"]), {
    httpRestrictedApis: [all],
    grpcRestrictedProtocols: [all],
    allowClientShm: true,
  });
});
afterAll(() => target.stop());

// biome-ignore format: one list
const PATHS = ["/v2", "/v2/", "/v2/health/live", "/v2/health/ready", "/v2/models/stats", "/v2/models/echo_int32", "/v2/models/echo_int32/versions/1",
  "/v2/models/echo_int32/ready", "/v2/models/echo_int32/versions/1/ready", "/v2/models/echo_int32/config", "/v2/models/echo_int32/stats",
  "/v2/models/echo_int32/infer", "/v2/models/echo_int32/versions/1/infer", "/v2/models/echo_int32/generate", "/v2/models/echo_int32/generate_stream",
  "/v2/repository/index", "/v2/repository/models/echo_int32/load", "/v2/repository/models/echo_int32/unload", "/v2/systemsharedmemory/status",
  "/v2/systemsharedmemory/region/r/register", "/v2/systemsharedmemory/unregister", "/v2/cudasharedmemory/status", "/v2/logging",
  "/v2/trace/setting", "/v2/models/echo_int32/trace/setting"];

/** The path itself, and ways to write it that some servers take for it. */
const spellings = (path: string): readonly string[] => [
  path,
  `${path}/`,
  `/${path}`,
  path.replace("/v2", "/v2/"),
  path.replace("/v2", "/V2"),
  path.toUpperCase(),
  `/${path.slice(1).replaceAll("/", "%2f")}`,
  path.replace("echo_int32", "echo%5fint32"),
  `/x/..${path}`,
  `${path}?a=b`,
  `${path}%00`,
  `http://other${path}`,
];

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
/** Sends the path as it is spelled: `fetch` would tidy it up. */
const ask = (method: string, path: string, key: string | undefined): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const headers = key === undefined ? {} : { "x-key": key };
    request({ host: "127.0.0.1", port: target.ports.http!, path, method, agent, headers }, answer => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", chunk => {
        text += chunk;
      });
      answer.on("end", () => resolve({ status: answer.statusCode!, text }));
    })
      .on("error", reject)
      .end();
  });

test("7: every route, verb and spelling is closed over HTTP without the key", async () => {
  let cells = 0;
  for (const path of PATHS)
    for (const spelling of spellings(path))
      for (const method of ["GET", "POST", "HEAD", "OPTIONS", "PUT"])
        for (const key of [undefined, "wrong", `${KEY} `.trim().toUpperCase(), `${KEY}${KEY}`]) {
          const answer = await ask(method, spelling, key);
          cells++;
          // A path without a route is not found; nothing else may pass.
          expect([403, 404, 405], `${method} ${spelling} with ${key}: ${answer.status}`).toContain(answer.status);
          expect(answer.text).not.toContain(KEY);
        }
  expect(cells).toBeGreaterThan(1000);
  for (const path of PATHS) {
    const open = await fetch(target.http + path, {
      method: /infer|generate|index|load|register/.test(path) ? "POST" : "GET",
      headers: { "x-key": KEY },
      ...(/infer|generate|index|load|register/.test(path) && { body: "{}" }),
    });
    expect(open.status, path).not.toBe(403);
    await open.arrayBuffer();
  }
  for (const { api } of ROUTES) expect(RESTRICTABLE).toContain(api);
}, 120_000);

test("7: every RPC is closed over gRPC without the key", async () => {
  const names = [
    "ServerLive",
    "ServerReady",
    "ModelReady",
    "ServerMetadata",
    "ModelMetadata",
    "ModelInfer",
    "ModelConfig",
    "ModelStatistics",
    "RepositoryIndex",
    "RepositoryModelLoad",
    "RepositoryModelUnload",
    "SystemSharedMemoryStatus",
    "SystemSharedMemoryRegister",
    "SystemSharedMemoryUnregister",
    "CudaSharedMemoryStatus",
    "CudaSharedMemoryRegister",
    "CudaSharedMemoryUnregister",
    "TraceSetting",
    "LogSettings",
  ] as const;
  for (const name of names) {
    const request = `inference.${name}Request` as keyof Messages;
    for (const headers of [{}, { "triton-grpc-protocol-x-key": "wrong" }, { "x-key": KEY }] as Record<
      string,
      string
    >[]) {
      const { code, message } = await target.rpc.call(name, request, {}, headers);
      expect(code, name).toBe(14);
      expect(message).not.toContain(KEY);
    }
    const open = await target.rpc.call(name, request, {}, { "triton-grpc-protocol-x-key": KEY });
    expect(open.message).not.toContain("restricted");
  }
  const health = await target.rpc.send("/grpc.health.v1.Health/Check", Buffer.alloc(0));
  expect(health.code).toBe(14);
  for (const line of target.log) expect(line).not.toContain(KEY);
});
