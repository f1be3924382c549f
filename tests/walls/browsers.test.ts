/**
 * Requests that a browser sends for a page of another origin are refused on every port, unless that origin is listed. Other clients are
 * unaffected.
 */
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join, normalize } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HANDLERS } from "#cli/tritonserver/handlers.js";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { isOwn } from "#cli/ui/own-address.js";
import type { connect as Connect } from "#runtime/client/browser.js";
import { launchChromium } from "../needs/chromium.js";
import { type Options, repository, startServer } from "../runtime/server/support.js";

const PAGE = "https://shop.example";
const GOOD = { inputs: [{ name: "INPUT0", shape: [1, 4], datatype: "INT32", data: [1, 2, 3, 4] }] };
const loopback = { port: 0, address: "127.0.0.1" };
const FRONT_ENDS: Options = {
  sageMaker: { ...loopback, model: "echo_int32", pingMode: "ready", inferenceType: "infer" },
  vertexAi: { ...loopback, model: "echo_int32", predictRoute: "/predict", healthRoute: "/health" },
  faultAdminPort: 0,
};

let strict: Awaited<ReturnType<typeof startServer>>;
let shared: Awaited<ReturnType<typeof startServer>>;
let open: Awaited<ReturnType<typeof startServer>>;
let browser: Browser;
beforeAll(async () => {
  const start = (options: Options) => startServer(repository(["echo_int32"]), { ...FRONT_ENDS, ...options });
  [strict, shared, open] = await Promise.all([
    start({}),
    start({ httpAllowedOrigins: [`http://localhost:3000,${PAGE}`] }),
    start({ httpAllowedOrigins: ["*"] }),
  ]);
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await Promise.all([strict, shared, open].map(server => server?.stop()));
});

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}
const send = (
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: unknown,
): Promise<Answered> =>
  new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, method, path, headers }, answer => {
      let text = "";
      answer.setEncoding("utf8").on("data", chunk => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode!, headers: answer.headers, text }));
    })
      .on("error", reject)
      .end(body === undefined ? undefined : JSON.stringify(body));
  });

const FOREIGN: readonly (readonly [what: string, headers: Readonly<Record<string, string>>])[] = [
  ["a page of another site", { origin: "https://evil.example", "sec-fetch-site": "cross-site" }],
  ["a page of another site, in a browser without Sec-Fetch-Site", { origin: "https://evil.example" }],
  ["a page of another port of this machine", { origin: "http://127.0.0.1:1" }],
  ["a page without an origin", { origin: "null" }],
  ["a page whose origin begins as ours", { origin: "http://127.0.0.1:80.evil.example" }],
  ["an image on a page of another site", { "sec-fetch-site": "cross-site" }],
  ["an image on a page of the same site", { "sec-fetch-site": "same-site" }],
  ["a name that was bound anew to this address", { host: "evil.example:8000", origin: "http://evil.example:8000" }],
  ["such a name, of a request without an origin", { host: "evil.example:8000" }],
  ["a name that ends as ours", { host: "localhost.evil.example" }],
  ["a name that holds an address", { host: "127.0.0.1.evil.example" }],
];

const PORTS = [
  ["http", "POST", "/v2/models/echo_int32/infer"],
  ["http", "GET", "/v2/health/ready"],
  ["http", "GET", "/nothing"],
  ["metrics", "GET", "/metrics"],
  ["sageMaker", "POST", "/invocations"],
  ["vertexAi", "POST", "/predict"],
  ["faultAdmin", "GET", "/faults"],
] as const;

test.each(FOREIGN)("%s is refused on every port", async (_, headers) => {
  for (const [port, method, path] of PORTS) {
    const answer = await send(strict.ports[port]!, method, path, headers, method === "POST" ? GOOD : undefined);
    expect(answer.status, `${port} ${path}`).toBe(403);
    expect(answer.headers).not.toHaveProperty("access-control-allow-origin");
    if (port !== "faultAdmin") expect(answer.text).toContain("--http-allowed-origin");
    const preflight = { ...headers, "access-control-request-method": "POST" };
    expect((await send(strict.ports[port]!, "OPTIONS", path, preflight)).headers).not.toHaveProperty(
      "access-control-allow-origin",
    );
  }
});

test("clients other than browsers, and pages of the server's own origin, are served", async () => {
  const port = strict.ports.http!;
  for (const headers of [
    {},
    { host: "localhost" },
    { host: "LOCALHOST:80" },
    { host: "[::1]:80" },
    { host: "192.168.0.1" },
    { host: "triton" },
    { host: "host.docker.internal:8000" },
    { origin: `http://127.0.0.1:${port}` },
    { origin: `http://127.0.0.1:${port}`, "sec-fetch-site": "same-origin" },
    { "sec-fetch-site": "none" },
    // Behind a proxy that changes the host, the browser still sends the origin.
    { origin: PAGE, "sec-fetch-site": "same-origin" },
    { host: `127.0.0.1:${port}`, origin: `https://127.0.0.1:${port}` },
  ] as readonly Record<string, string>[]) {
    const answer = await send(port, "POST", "/v2/models/echo_int32/infer", headers, GOOD);
    expect(answer.status, JSON.stringify(headers)).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ outputs: [{ data: [1, 2, 3, 4] }] });
  }
});

test("a page of a listed origin gets its preflights, its answers and its errors with the headers it needs", async () => {
  const port = shared.ports.http!;
  const asked = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,x-key",
    "access-control-request-private-network": "true",
  };
  for (const origin of [PAGE, "http://localhost:3000"]) {
    const preflight = await send(port, "OPTIONS", "/v2/models/echo_int32/infer", { ...asked, origin });
    expect(preflight.status).toBe(200);
    expect(preflight.headers).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "content-type,x-key",
      "access-control-allow-private-network": "true",
      vary: "Origin",
    });
    const page = { origin, "sec-fetch-site": "cross-site" };
    const answer = await send(port, "POST", "/v2/models/echo_int32/infer", page, GOOD);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-expose-headers": expect.stringContaining("Inference-Header-Content-Length"),
    });
    for (const path of ["/v2/models/nothing/infer", "/nothing"]) {
      const error = await send(port, "POST", path, page, GOOD);
      expect(error.status, path).toBeGreaterThanOrEqual(400);
      expect(error.headers).toMatchObject({ "access-control-allow-origin": origin });
    }
  }
  expect((await send(port, "GET", "/v2", { origin: "https://evil.example" })).status).toBe(403);
  expect((await send(port, "GET", "/v2", { origin: `${PAGE}.evil.example` })).status).toBe(403);
  // The host of a listed origin is not a name of another site.
  expect((await send(port, "GET", "/v2", { host: "shop.example" })).status).toBe(200);
  expect((await send(port, "GET", "/v2", {})).headers).not.toHaveProperty("vary");
  expect((await send(shared.ports.metrics!, "GET", "/metrics", { origin: PAGE })).status).toBe(200);
});

test("'*' allows every page", async () => {
  for (const [, headers] of FOREIGN) {
    const answer = await send(open.ports.http!, "POST", "/v2/models/echo_int32/infer", headers, GOOD);
    expect(answer.status, JSON.stringify(headers)).toBe(200);
    expect(answer.headers["access-control-allow-origin"]).toBe(headers.origin === undefined ? undefined : "*");
  }
});

test("a form of another site cannot load a model, and its code does not run", async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-browsers-"));
  const mark = join(folder, "ran");
  const server = await startServer(repository(["echo_int32"]), { modelControlMode: "explicit" });
  const code = `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(mark)}, ""); export default {};`;
  const config = {
    name: "evil",
    backend: "onnxruntime",
    max_batch_size: 1,
    input: [{ name: "I", data_type: "TYPE_INT32", dims: [1] }],
    output: [{ name: "O", data_type: "TYPE_INT32", dims: [1] }],
  };
  const parameters = { config: JSON.stringify(config), "file:1/model.mjs": Buffer.from(code).toString("base64") };
  try {
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: "http://evil.example:8000", host: "evil.example:8000" },
      { "sec-fetch-site": "cross-site" },
      { origin: "null", "sec-fetch-site": "cross-site" },
    ] as readonly Record<string, string>[]) {
      const form = { ...headers, "content-type": "text/plain" };
      const answer = await send(server.ports.http!, "POST", "/v2/repository/models/evil/load", form, { parameters });
      expect(existsSync(mark)).toBe(false);
      expect(answer.status).toBe(403);
    }
  } finally {
    await server.stop();
  }
});

test("the flag takes origins and lists of them, and names what it cannot read", () => {
  const read = (...words: string[]) => serveOptions(["--model-repository=x", ...words]).httpAllowedOrigins;
  expect(read(`--http-allowed-origin=${PAGE},http://localhost:3000`, "--http-allowed-origin", "null")).toEqual([
    PAGE,
    "http://localhost:3000",
    "null",
  ]);
  expect(read()).toBeUndefined();
  for (const wrong of [
    "shop.example",
    "https://shop.example/",
    "https://shop.example/x",
    "",
    "https://",
    "a,b",
    "http://u@h",
  ])
    expect(() => HANDLERS["http-allowed-origin"]!({} as never, wrong, () => {}), wrong).toThrow(
      "--http-allowed-origin",
    );
});

test("the page of --ui has the same rule, and may be opened by a link", () => {
  const host = "127.0.0.1:8003";
  expect(isOwn("127.0.0.1", { host, origin: `http://${host}` })).toBe(true);
  expect(isOwn("127.0.0.1", { host })).toBe(true);
  expect(isOwn("127.0.0.1", { host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" })).toBe(true);
  expect(isOwn("127.0.0.1", { host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" })).toBe(false);
  expect(isOwn("127.0.0.1", { host, "sec-fetch-site": "same-site" })).toBe(false);
  expect(isOwn("127.0.0.1", { host, origin: "https://evil.example" })).toBe(false);
  expect(isOwn("127.0.0.1", { host: "evil.example:8003" })).toBe(false);
});

const ROOT = new URL("../..", import.meta.url).pathname;
/** A page that has the client's modules, at an origin of its own. */
async function startPage(): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer(({ url = "/" }, answer) => {
    if (url.startsWith("/dist/"))
      answer.writeHead(200, { "content-type": "text/javascript" }).end(readFileSync(join(ROOT, normalize(url))));
    else
      answer
        .writeHead(200, { "content-type": "text/html" })
        .end(
          '<!doctype html><script type="module">import { connect } from "/dist/runtime/client/browser.js"; globalThis.connectClient = connect;</script>',
        );
  });
  await new Promise<void>(done => server.listen(0, "127.0.0.1", done));
  return { server, url: `http://127.0.0.1:${(server.address() as { port: number }).port}` };
}

test("in Chromium, the client of an allowed page infers, and that of another page is refused", async () => {
  const page = await startPage();
  const allowing = await startServer(repository(["echo_int32"]), { httpAllowedOrigins: [page.url] });
  const tab = await browser.newPage();
  try {
    await tab.goto(page.url, { waitUntil: "load" });
    const infer = (url: string) =>
      tab.evaluate(async at => {
        const { connectClient: connect } = globalThis as unknown as { connectClient: typeof Connect };
        const text = (error: Error): string => `${error.name}: ${error.message}`;
        const client = await connect(at).catch(text);
        if (typeof client === "string") return client;
        const options = { headers: { "x-key": "value" } };
        const input = { INPUT0: new Int32Array([1, 2, 3, 4]) };
        const found = await client.infer("echo_int32", { INPUT0: [[1, 2, 3, 4]] }, options).catch(text);
        const missing = await client.infer("nothing", input).catch((error: Error) => error.name);
        return typeof found === "string" ? found : { data: [...Object.values(found)[0]!.data].map(Number), missing };
      }, url);
    expect(await infer(allowing.http)).toEqual({ data: [1, 2, 3, 4], missing: "NotFoundError" });
    expect(await infer(strict.http)).toMatch(/UnavailableError: .*--http-allowed-origin/);
    // A request that needs no preflight reaches the server, which refuses it.
    const statuses: number[] = [];
    tab.on("response", answer => void statuses.push(answer.status()));
    const form = (at: string) => fetch(`${at}/v2`, { mode: "no-cors" }).then(({ type }) => type);
    expect(await tab.evaluate(form, strict.http)).toBe("opaque");
    await expect.poll(() => statuses).toEqual([403]);
  } finally {
    await tab.close();
    page.server.close();
    await allowing.stop();
  }
});
