/**
 * The client in a real browser: its modules as they are, no bundler, from the page's own origin, which passes /v2 on to a server.
 */
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { join, normalize } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { connect as Connect } from "#runtime/client/browser.js";
import { serve } from "#runtime/server/index.js";
import { launchChromium } from "../../needs/chromium.js";

const root = new URL("../../..", import.meta.url).pathname;
let [server, browser]: [Awaited<ReturnType<typeof serve>> | undefined, Browser | undefined] = [undefined, undefined];
const asked: string[] = [];

const PAGE = `<!doctype html><title>client</title>
<script type="module">import { connect } from "/dist/runtime/client/browser.js"; globalThis.connectClient = connect;</script>`;

const page = createServer((incoming, answer) => {
  const url = incoming.url ?? "/";
  asked.push(url);
  if (url.startsWith("/v2")) {
    const { method, headers } = incoming;
    const passed = request({ host: "127.0.0.1", port: server!.ports.http, path: url, method, headers }, found => {
      answer.writeHead(found.statusCode!, found.headers);
      found.pipe(answer);
    });
    incoming.pipe(passed);
  } else if (url.startsWith("/dist/"))
    answer.writeHead(200, { "content-type": "text/javascript" }).end(readFileSync(join(root, normalize(url))));
  else answer.writeHead(200, { "content-type": "text/html" }).end(PAGE);
});

beforeAll(async () => {
  server = await serve({
    modelRepositories: [join(root, "model-repo")],
    http: { port: 0, address: "127.0.0.1" },
    grpc: false,
    metrics: false,
    writeLog: () => {},
  });
  await new Promise<void>(done => page.listen(0, "127.0.0.1", done));
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  page.close();
  await server?.stop();
});

test("calls a model, streams, and reports errors; its modules need nothing of Node's", async () => {
  const tab = await browser!.newPage();
  const complaints: string[] = [];
  tab.on("pageerror", error => complaints.push(error.message));
  await tab.goto(`http://127.0.0.1:${(page.address() as { port: number }).port}/`, { waitUntil: "load" });
  const found = await tab.evaluate(async () => {
    const { connectClient: connect } = globalThis as unknown as { connectClient: typeof Connect };
    const client = await connect("/");
    const options = { parameters: { seed: 1 } };
    const { ordered_ids, ordered_scores } = await client.infer("recommend", { user_id: [7, 8] }, options);
    const wrong = await client.infer("recommend", { user_id: ["x"] }).catch((error: Error) => error.message);
    const gone = await client.infer("nothing", { a: 1 }).catch((error: Error) => error.name);
    const late = await client.infer("recommend", { user_id: [7] }, { deadline: 0 }).catch((error: Error) => error.name);
    const grpc = await connect("grpc://localhost:8001").catch((error: Error) => error.message);
    let streamed = 0;
    for await (const { outputs } of client.stream("recommend", { user_id: [7] }))
      streamed += outputs.ordered_ids!.data.length;
    return {
      shape: ordered_ids!.shape,
      isBig: ordered_ids!.data instanceof BigInt64Array,
      scores: ordered_scores!.data.length,
      streamed,
      wrong,
      gone,
      late,
      grpc,
    };
  });
  expect(found).toEqual({
    shape: [2, 10],
    isBig: true,
    scores: 20,
    streamed: 10,
    wrong: 'input `user_id`: element 0 is "x", and INT64 takes integers',
    gone: "NotFoundError",
    late: "DeadlineError",
    grpc: expect.stringContaining("can't be opened in a browser"),
  });
  expect(complaints).toEqual([]);
  expect(asked.filter(url => url.startsWith("/dist/")).length).toBeGreaterThan(10);
});
