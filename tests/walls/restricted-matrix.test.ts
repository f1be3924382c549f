/**
 * Restricted APIs: for each API alone, every route × method × spelling × key, on HTTP, on gRPC and on the clouds' front ends. Without the key nothing of the API is
 * answered; with it, and on routes of other APIs, nothing is refused.
 */

import { Agent, request } from "node:http";
import * as grpc from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { apiOf } from "#runtime/server/transport/grpc/restricted-calls.js";
import { ROUTES } from "#runtime/server/transport/http/routes.js";
import { RESTRICTABLE, type Restrictable } from "#runtime/server/transport/restriction.js";
import { grpcClient } from "../reliability/support.js";
import { repository, startServer } from "../runtime/server/support.js";

const KEY = "sesame-5d1c";
const M = "/v2/models/echo_int32";
/** Each route by hand, independent of the table that is tested. */
const PATHS: readonly (readonly [api: Restrictable, method: "GET" | "POST", path: string])[] = [
  ["metadata", "GET", "/v2"],
  ["health", "GET", "/v2/health/live"],
  ["health", "GET", "/v2/health/ready"],
  ["health", "GET", `${M}/ready`],
  ["health", "GET", `${M}/versions/1/ready`],
  ["metadata", "GET", M],
  ["metadata", "GET", `${M}/versions/1`],
  ["model-config", "GET", `${M}/config`],
  ["model-config", "GET", `${M}/versions/1/config`],
  ["statistics", "GET", "/v2/models/stats"],
  ["statistics", "GET", `${M}/stats`],
  ["statistics", "GET", `${M}/versions/1/stats`],
  ["inference", "POST", `${M}/infer`],
  ["inference", "POST", `${M}/versions/1/infer`],
  ["inference", "POST", `${M}/generate`],
  ["inference", "POST", `${M}/versions/1/generate`],
  ["inference", "POST", `${M}/generate_stream`],
  ["model-repository", "POST", "/v2/repository/index"],
  ["model-repository", "POST", "/v2/repository/r/index"],
  ["model-repository", "POST", "/v2/repository/models/echo_int32/load"],
  ["model-repository", "POST", "/v2/repository/r/models/echo_int32/load"],
  ["model-repository", "POST", "/v2/repository/models/echo_int32/unload"],
  ["shared-memory", "GET", "/v2/systemsharedmemory/status"],
  ["shared-memory", "GET", "/v2/systemsharedmemory/region/r/status"],
  ["shared-memory", "POST", "/v2/systemsharedmemory/region/r/register"],
  ["shared-memory", "POST", "/v2/systemsharedmemory/region/r/unregister"],
  ["shared-memory", "POST", "/v2/systemsharedmemory/unregister"],
  ["shared-memory", "GET", "/v2/cudasharedmemory/status"],
  ["shared-memory", "GET", "/v2/cudasharedmemory/region/r/status"],
  ["shared-memory", "POST", "/v2/cudasharedmemory/region/r/register"],
  ["shared-memory", "POST", "/v2/cudasharedmemory/unregister"],
  ["logging", "GET", "/v2/logging"],
  ["logging", "POST", "/v2/logging"],
  ["trace", "GET", "/v2/trace/setting"],
  ["trace", "POST", "/v2/trace/setting"],
  ["trace", "GET", `${M}/trace/setting`],
];

/** The path itself, and ways to write it that some servers take for it. */
const spellings = (path: string): readonly string[] => [
  path,
  `${path}/`,
  `/${path}`,
  path.replace("/v2", "/v2/"),
  path.replace("/v2", "/V2"),
  path.toUpperCase(),
  path.replace(/\/(\w+)$/, "//$1"),
  path.replace(/\/(\w+)$/, "%2f$1"),
  path.replace(/\/(\w+)$/, "/x/../$1"),
  `/x/..${path}`,
  `${path}?a=b`,
  `${path}%00`,
  `http://other${path}`,
];
const METHODS = ["GET", "POST", "HEAD", "OPTIONS", "PUT"] as const;
const WRONG: readonly (readonly [string, string] | undefined)[] = [
  undefined,
  ["x-key", "wrong"],
  ["x-key", `${KEY}${KEY}`],
  ["triton-grpc-protocol-x-key", KEY],
];

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
interface Answered {
  readonly status: number;
  readonly text: string;
}
/** Sends the path as it is spelled: `fetch` would tidy it up. */
const ask = (
  port: number,
  method: string,
  path: string,
  header?: readonly [string, string],
  more: Readonly<Record<string, string>> = {},
): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const headers = { ...more, ...(header && { [header[0]]: header[1] }) };
    const body = method === "POST" || method === "PUT" || method === "PATCH" ? "{}" : undefined;
    request({ host: "127.0.0.1", port, path, method, agent, headers }, answer => {
      let text = "";
      answer.setEncoding("utf8").on("data", chunk => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode!, text }));
    })
      .on("error", reject)
      .end(body);
  });
const isRestricted = ({ text }: Answered): boolean => text.includes("This API is restricted");

test("every route is in the list of this test, with its API", () => {
  const reached = new Set<unknown>();
  for (const [api, verb, path] of PATHS) {
    const found = ROUTES.find(({ method, path: pattern }) => method === verb && pattern.test(path));
    expect(found?.api, `${verb} ${path}`).toBe(api);
    reached.add(found);
  }
  expect(ROUTES.filter(route => !reached.has(route)).map(({ method, path }) => `${method} ${path.source}`)).toEqual([]);
});

const loopback = { port: 0, address: "127.0.0.1" };
const start = (restricted: Restrictable) =>
  startServer(repository(["echo_int32"]), {
    httpRestrictedApis: [`${restricted}:x-key=${KEY}`],
    grpcRestrictedProtocols: [`${restricted}:x-key=${KEY}`],
    allowClientShm: true,
    sageMaker: { ...loopback, model: "echo_int32", pingMode: "ready", inferenceType: "infer" },
    vertexAi: { ...loopback, model: "echo_int32", predictRoute: "/predict", healthRoute: "/health" },
  });

test.each(RESTRICTABLE)(
  "%s over HTTP: closed in every spelling without the key, open with it",
  async restricted => {
    const server = await start(restricted);
    const port = server.ports.http!;
    let cells = 0;
    try {
      for (const [api, method, path] of PATHS) {
        if (api !== restricted) {
          expect(isRestricted(await ask(port, method, path)), `${method} ${path}`).toBe(false);
          cells++;
          continue;
        }
        for (const spelling of spellings(path))
          for (const verb of METHODS) {
            // The other methods of a path reveal as little as its own: the refusal is first.
            for (const header of WRONG) {
              const answer = await ask(port, verb, spelling, header);
              cells++;
              // A path without its first slash is not a request.
              expect(
                [403, 404, 405, ...(spelling.startsWith("%") ? [400] : [])],
                `${verb} ${spelling} with ${header}: ${answer.status} ${answer.text}`,
              ).toContain(answer.status);
              expect(answer.text).not.toContain(KEY);
            }
          }
        for (const spelling of [path, `${path}?a=b`, `http://other${path}`]) {
          expect((await ask(port, method, spelling)).status, `${method} ${spelling}`).toBe(403);
          const open = await ask(port, method, spelling, ["X-Key", KEY]);
          cells += 2;
          expect(open.status, `${method} ${spelling}`).not.toBe(403);
          expect(open.text, `${method} ${spelling}`).not.toContain('"Not Found"');
        }
      }
      expect(cells).toBeGreaterThan(500);
    } finally {
      await server.stop();
    }
  },
  120_000,
);

test.each(RESTRICTABLE)(
  "%s over the front ends of clouds, redirections among them",
  async restricted => {
    const server = await start(restricted);
    const { sageMaker, vertexAi } = server.ports;
    try {
      for (const [port, method, path, api] of [
        [sageMaker!, "POST", "/invocations", "inference"],
        [sageMaker!, "GET", "/ping", "health"],
        // The server has no multi-model endpoints. A restricted call is refused as such first.
        [sageMaker!, "POST", "/models/echo_int32/invoke", "inference"],
        [sageMaker!, "POST", "/models", "model-repository"],
        [sageMaker!, "GET", "/models/echo_int32", "model-repository"],
        [sageMaker!, "DELETE", "/models/echo_int32", "model-repository"],
        [vertexAi!, "POST", "/predict", "inference"],
        [vertexAi!, "GET", "/health", "health"],
      ] as const)
        for (const header of [...WRONG, ["x-key", KEY] as const]) {
          const isClosed = api === restricted && header?.[1] !== KEY;
          const isOther = header?.[0] !== undefined && header[0] !== "x-key";
          const answer = await ask(port, method, path, header);
          expect(isRestricted(answer), `${method} ${path} with ${header}`).toBe(
            isClosed || (api === restricted && isOther),
          );
        }
      for (const [api, , path] of PATHS)
        for (const header of WRONG) {
          const more = { "x-vertex-ai-triton-redirect": path.slice(1) };
          const answer = await ask(vertexAi!, "POST", "/predict", header, more);
          if (api === restricted) expect(answer.status, `${path} with ${header}`).not.toBe(200);
          else expect(isRestricted(answer), `${path} with ${header}`).toBe(false);
        }
    } finally {
      await server.stop();
    }
  },
  60_000,
);

const RPCS: readonly (readonly [api: Restrictable, name: string])[] = [
  ...(["ServerLive", "ServerReady", "ModelReady"] as const).map(name => ["health", name] as const),
  ...(["ServerMetadata", "ModelMetadata"] as const).map(name => ["metadata", name] as const),
  ["inference", "ModelInfer"],
  ["model-config", "ModelConfig"],
  ["statistics", "ModelStatistics"],
  ...(["RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload"] as const).map(
    name => ["model-repository", name] as const,
  ),
  ...(["System", "Cuda"] as const).flatMap(kind =>
    (["Status", "Register", "Unregister"] as const).map(
      call => ["shared-memory", `${kind}SharedMemory${call}`] as const,
    ),
  ),
  ["trace", "TraceSetting"],
  ["logging", "LogSettings"],
];
const SERVICE = "/inference.GRPCInferenceService/";
/** Paths that some servers take for an RPC's. */
const grpcSpellings = (name: string): readonly string[] => [
  `${SERVICE}${name}`,
  `${SERVICE}${name}/`,
  `${SERVICE}/${name}`,
  `${SERVICE}${name.toLowerCase()}`,
  `${SERVICE.toLowerCase()}${name}`,
  `/GRPCInferenceService/${name}`,
];
const HEADER = "triton-grpc-protocol-x-key";

test.each(RESTRICTABLE)(
  "%s over gRPC: closed without the key, unary and streamed",
  async restricted => {
    const server = await start(restricted);
    const rpc = grpcClient(server.ports.grpc!);
    const stream = (headers: Readonly<Record<string, string>>): Promise<number> =>
      new Promise(resolve => {
        const metadata = new grpc.Metadata();
        for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
        const same = (bytes: Buffer): Buffer => bytes;
        const call = rpc.client.makeBidiStreamRequest(`${SERVICE}ModelStreamInfer`, same, same, metadata);
        call.on("data", () => {}).on("error", () => {});
        call.on("status", ({ code }) => resolve(code));
        call.end();
      });
    const wrong: readonly Readonly<Record<string, string>>[] = [
      {},
      { [HEADER]: "wrong" },
      { [HEADER]: `${KEY}${KEY}` },
      { "x-key": KEY },
    ];
    try {
      const health = ["health", "/grpc.health.v1.Health/Check"] as const;
      for (const [api, name] of RPCS) {
        expect(apiOf(`${SERVICE}${name}`)).toBe(api);
        for (const path of grpcSpellings(name))
          for (const headers of wrong) {
            const { code, message } = await rpc.send(path, Buffer.alloc(0), headers);
            if (path === `${SERVICE}${name}`)
              expect(message.includes("restricted"), `${path} ${message}`).toBe(api === restricted);
            // Other spellings are not calls, whether they are refused as such or as restricted.
            else expect([12, 14], `${path} ${message}`).toContain(code);
            expect(message).not.toContain(KEY);
          }
        expect((await rpc.send(`${SERVICE}${name}`, Buffer.alloc(0), { [HEADER]: KEY })).message).not.toContain(
          "restricted",
        );
      }
      for (const headers of [...wrong, { [HEADER]: KEY }]) {
        const isClosed = headers[HEADER as keyof typeof headers] !== KEY;
        const check = await rpc.send(health[1], Buffer.alloc(0), headers);
        expect(check.code).toBe(isClosed && restricted === "health" ? 14 : 0);
        expect(await stream(headers)).toBe(isClosed && restricted === "inference" ? 14 : 0);
      }
      for (const line of server.log) expect(line).not.toContain(KEY);
    } finally {
      rpc.close();
      await server.stop();
    }
  },
  60_000,
);
