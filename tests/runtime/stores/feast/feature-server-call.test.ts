/** Calls to a feature server that answers, refuses, fails, breaks off, is late, or closes kept connections. Callers get its fault, without secrets. */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Secret } from "#contract/secret.js";
import { Cancellable } from "#runtime/base/cancellation.js";
import { httpCaller } from "#runtime/stores/feast/feature-server-call.js";
import { makeCertificates } from "../../client/certificates.js";

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function start(listener: RequestListener, credentials?: string, timeoutMs = 20_000) {
  const server: Server = createServer(listener).listen(0, "127.0.0.1");
  const sockets = new Set<Socket>();
  server.on("connection", socket => sockets.add(socket));
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const store = {
    type: "remote",
    url: new Secret(url, url),
    ...(credentials && { credentials: new Secret(credentials) }),
  };
  const caller = httpCaller(store as never, timeoutMs);
  open.push(caller, {
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  });
  const fault = (...args: Parameters<typeof caller.call>): Promise<string> =>
    caller.call(...args).then(
      () => "no fault",
      (error: { code: string; message: string }) => `${error.code} ${error.message}`,
    );
  return { ...caller, fault, url, server, sockets };
}
const HINT = "Start it with `feast serve`, or correct `path` in feature_store.yaml.";

describe("a server", () => {
  test.each([400, 404, 422, 499])("that refuses with %i is quoted, without secrets", async status => {
    const { fault, url } = await start((_, response) => {
      response.writeHead(status);
      response.end(`  no view; me:pass, pass and ${Buffer.from("me:pass").toString("base64")}  `);
    }, "me:pass");
    expect(await fault("GET", "/")).toBe(
      `INVALID_ARGUMENT the feature server at ${url} refuses (${status}): no view; ***, *** and ***. Apply the same registry to the server and build again.`,
    );
  });
  test("that is late is away, and the connection is not used again", async () => {
    let calls = 0;
    const { call, fault, url, sockets } = await start((_, response) => calls++ > 0 && response.end("now"), "", 1000);
    expect(await fault("GET", "/")).toBe(
      `UNAVAILABLE the feature server at ${url} did not answer within 1000 ms. ${HINT}`,
    );
    expect((await call("GET", "/")).toString()).toBe("now");
    expect(sockets.size).toBe(2);
  });
  test("that closes a kept connection gets the call again on a new one; one that closes a new one does not", async () => {
    const seen: (string | undefined)[] = [];
    const { call, fault, sockets } = await start((request, response) => {
      seen.push(request.url);
      const isKept = [...sockets].indexOf(request.socket) === 0 && seen.length > 1;
      if (isKept || request.url === "/new") request.socket.destroy();
      else response.end(request.url);
    });
    await call("GET", "/first");
    expect((await call("GET", "/second")).toString()).toBe("/second");
    expect([seen, sockets.size]).toEqual([["/first", "/second", "/second"], 2]);
    const alone = await start(request => request.socket.destroy());
    expect(await alone.fault("GET", "/new")).toMatch("can not be reached: socket hang up");
    expect([alone.sockets.size, await fault("GET", "/third")]).toEqual([1, "no fault"]);
  });
});

describe("a client that leaves", () => {
  const CANCELLED = "CANCELLED the request was cancelled";
  test("before the answer, in its middle, and before the call", async () => {
    let begun = (): void => {};
    const { fault, url } = await start((request, response) => {
      if (request.url === "/half") {
        response.writeHead(200, { "Content-Length": 100 });
        response.write("half");
      }
      setImmediate(() => begun());
    });
    for (const path of ["/none", "/half"]) {
      const signal = new Cancellable();
      begun = () => setTimeout(() => signal.abort(), 5);
      expect([path, await fault("GET", path, undefined, signal)]).toEqual([path, CANCELLED]);
    }
    const gone = new Cancellable();
    gone.abort();
    expect(await fault("GET", "/", undefined, gone)).toBe(CANCELLED);
    expect(url).toContain("127.0.0.1");
  });
});

describe("a server with TLS", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "merlon-feature-tls-"));
    makeCertificates(folder, ["server"], "localhost");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** @returns two answers, and the number of connections */
  async function callWith(tlsAuthority: string | undefined): Promise<[string, string, number]> {
    const [key, cert] = ["server.key", "server.pem"].map(name => readFileSync(join(folder, name)));
    const server = createSecureServer({ key: key!, cert: cert! }, (_, response) => response.end("safe"));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const url = `https://localhost:${(server.address() as AddressInfo).port}`;
    const store = { type: "remote", url: new Secret(url, url), ...(tlsAuthority && { tlsAuthority }) } as never;
    const caller = httpCaller(store, 20_000);
    let connections = 0;
    server.on("connection", () => connections++);
    open.push(caller, server);
    const answer = (): Promise<string> => caller.call("GET", "/health").then(String, (error: Error) => error.message);
    return [await answer(), await answer(), connections];
  }
  test("is trusted if its certificate is signed by the store's authority, and only then", async () => {
    expect(await callWith(join(folder, "root.pem"))).toEqual(["safe", "safe", 1]);
    const refused = expect.stringMatching(/can not be reached: .*certificate/) as unknown;
    expect(await callWith(join(folder, "other.pem"))).toEqual([refused, refused, 2]);
    expect(await callWith(undefined)).toEqual([refused, refused, 2]);
  });
});
