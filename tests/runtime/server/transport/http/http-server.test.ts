/** An HTTP port in front of routes that fail in every way: the client's response, the log, and the sent part of a cut answer. */
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { ConnectionCut } from "#runtime/base/connection-cut.js";
import { Refusal, RuntimeFault } from "#runtime/base/errors.js";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import type { ServerLog } from "#runtime/server/observe/server-log.js";
import type { Respond } from "#runtime/server/transport/http/dispatch.js";
import { serveFrontEnd, serveHttp, serveMetrics } from "#runtime/server/transport/http/server.js";
import type { Listener } from "#runtime/server/transport/listen.js";

const running: Listener[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop(0);
});

const PAGE = "https://shop.example";
const options = {
  ...{ address: "127.0.0.1", port: 0, stallTime: 0 },
  allowedOrigins: [PAGE],
  budget: new MemoryBudget(),
};
const logTo = (lines: string[]): ServerLog =>
  ({ isVerbose: false, error: (source: string, text: string) => lines.push(`${source}: ${text}`) }) as never;

/** A port whose only route is `respond`. */
async function start(respond: Respond) {
  const lines: string[] = [];
  const listener = await serveFrontEnd(options, respond, logTo(lines));
  running.push(listener);
  return { url: `http://127.0.0.1:${listener.port}/x`, port: listener.port, lines };
}
const fails = (error: unknown) =>
  start(() => {
    throw error;
  });

/** All bytes that a server sends until it ends the connection. */
function bytesOf(port: number): Promise<string> {
  return new Promise(resolve => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    socket.on("data", chunk => {
      text += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}

describe("an error of a route", () => {
  test("that is a fault is the answer, and not a line of the log", async () => {
    const { url, lines } = await fails(new RuntimeFault("NOT_FOUND", "no such thing"));
    const answer = await fetch(url);
    expect([answer.status, await answer.json()]).toEqual([404, { error: "no such thing" }]);
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    expect(lines).toEqual([]);
  });
  test("that is an error of the program is 500 without its text, which the log has with its stack", async () => {
    const error = new TypeError("x is not a function");
    const { url, lines } = await fails(error);
    const answer = await fetch(url);
    expect([answer.status, await answer.json()]).toEqual([500, { error: "internal error" }]);
    expect(lines).toEqual([`http_server: internal error: ${error.stack}`]);
    expect(error.stack).toContain("x is not a function");
  });
  test.each([
    ["a text", "gave up", "gave up"],
    ["nothing", undefined, "undefined"],
    ["null", null, "null"],
    ["an error without a stack", Object.assign(new Error("bare"), { stack: undefined }), "Error: bare"],
  ])("that is %s is 500 too", async (_, error, text) => {
    const { url, lines } = await fails(error);
    expect((await fetch(url)).status).toBe(500);
    expect(lines).toEqual([`http_server: internal error: ${text}`]);
  });
  test("can be read by a page that may read the answer", async () => {
    const { url } = await fails(new Refusal("RESOURCE_EXHAUSTED", "too much"));
    const answer = await fetch(url, { headers: { Origin: PAGE } });
    expect([answer.status, await answer.json()]).toEqual([503, { error: "too much" }]);
    expect(answer.headers.get("access-control-allow-origin")).toBe(PAGE);
    expect(answer.headers.get("retry-after")).toBe("1");
  });
  test("behind the head of an answer in parts ends the connection", async () => {
    const { port, lines } = await start(() => ({
      ...{ status: 200, type: "text/event-stream; charset=utf-8" },
      body: (async function* () {
        yield "first";
        throw new Error("no second");
      })(),
    }));
    const text = await bytesOf(port);
    expect(text).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n5\r\nfirst\r\n$/);
    expect(lines).toEqual([expect.stringContaining("Error: no second")]);
  });
  test("of a client that has disconnected is not logged", async () => {
    let isGone = (): void => {};
    const gone = new Promise<void>(resolve => {
      isGone = resolve;
    });
    let fail = (_: Error): void => {};
    const { port, lines } = await start(exchange => {
      exchange.gone.addEventListener("abort", isGone);
      return new Promise((_, reject) => {
        fail = reject;
        socket.destroy();
      });
    });
    const socket = connect(port, "127.0.0.1", () => socket.write("GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    await gone;
    fail(new Error("nobody reads this"));
    await new Promise(setImmediate);
    expect(lines).toEqual([]);
  });
});

describe("an answer that is cut", () => {
  test("announces all bytes, sends the part, and ends the connection", async () => {
    const { port, lines } = await fails(new ConnectionCut(Buffer.from('{"model'), 100));
    const [head, body] = (await bytesOf(port)).split("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1\.1 200 /);
    expect(head).toContain("\r\nContent-Type: application/json");
    expect(head).toContain("\r\nContent-Length: 100");
    expect(body).toBe('{"model');
    expect(lines).toEqual([]);
  });
  test("before its first byte has a head without a body", async () => {
    const { port } = await fails(new ConnectionCut(Buffer.alloc(0), 100));
    expect(await bytesOf(port)).toMatch(/\r\nContent-Length: 100\r\n\r\n$/);
  });
  test("without a part, or behind its head, only ends the connection", async () => {
    const { port } = await fails(new ConnectionCut());
    expect(await bytesOf(port)).toBe("");
    const begun = await start(() => ({
      ...{ status: 200, type: "text/event-stream; charset=utf-8" },
      body: (async function* () {
        yield "first";
        throw new ConnectionCut(Buffer.from("again"), 5);
      })(),
    }));
    const text = await bytesOf(begun.port);
    expect(text).toMatch(/first\r\n$/);
    expect(text).not.toContain("again");
  });
});

describe("pages of other origins", () => {
  const ok: Respond = () => ({ status: 200, type: "application/json", body: "{}", headers: { "X-Own": "1" } });
  test("are answered if they are allowed, and a preflight without the route", async () => {
    let calls = 0;
    const { url } = await start(exchange => {
      calls++;
      return ok(exchange);
    });
    const answer = await fetch(url, { headers: { Origin: PAGE } });
    expect([answer.status, answer.headers.get("x-own"), answer.headers.get("access-control-allow-origin")]).toEqual([
      ...[200, "1", PAGE],
    ]);
    const preflight = await fetch(url, {
      method: "OPTIONS",
      headers: { Origin: PAGE, "Access-Control-Request-Method": "POST" },
    });
    expect([preflight.status, await preflight.text(), calls]).toEqual([200, "", 1]);
    // Without an origin, OPTIONS is a method as any other.
    await fetch(url, { method: "OPTIONS" });
    expect(calls).toBe(2);
  });
  test("are refused otherwise, before the route", async () => {
    const { url, lines } = await fails(new Error("reached"));
    const answer = await fetch(url, { headers: { Origin: "https://other.example" } });
    expect(answer.status).toBe(403);
    expect(((await answer.json()) as { error: string }).error).toContain("'https://other.example' are refused");
    expect([answer.headers.get("access-control-allow-origin"), lines]).toEqual([null, []]);
  });
});

test("metrics are at their path, with and without a slash or a query, and for GET alone", async () => {
  let printed = 0;
  const listener = await serveMetrics(options, () => `n ${++printed}\n`, logTo([]));
  running.push(listener);
  const at = (path: string, method = "GET") => fetch(`http://127.0.0.1:${listener.port}${path}`, { method });
  for (const path of ["/metrics", "/metrics/", "/metrics?a=b"]) {
    const answer = await at(path);
    const body = await answer.text();
    expect([answer.status, answer.headers.get("content-type"), body]).toEqual([
      ...[200, "text/plain; charset=utf-8", `n ${printed}\n`],
    ]);
  }
  for (const path of ["/", "/metric", "/metrics/x"]) {
    const answer = await at(path);
    expect([answer.status, answer.headers.get("content-type"), await answer.text()]).toEqual([
      ...[200, "text/plain; charset=utf-8", ""],
    ]);
  }
  const posted = await at("/metrics", "POST");
  expect([posted.status, posted.headers.get("content-type"), await posted.json(), printed]).toEqual([
    ...[405, "text/plain", { error: "Method Not Allowed" }, 3],
  ]);
});

test("a path without a route is 404, with a line only in a verbose log", async () => {
  for (const isVerbose of [false, true]) {
    const lines: string[] = [];
    const log = { isVerbose, verbose: (source: string, text: string) => lines.push(`${source}: ${text}`) };
    const listener = await serveHttp(options, {} as never, log as never);
    running.push(listener);
    expect((await fetch(`http://127.0.0.1:${listener.port}/none`)).status).toBe(404);
    const verbose = ["http_server: HTTP request: 0 /none", "http_server: HTTP error: 0 /none - 404"];
    expect(lines).toEqual(isVerbose ? verbose : []);
  }
});
