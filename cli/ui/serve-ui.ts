/**
 * The page of `merlon serve --ui`: a server of its own on loopback that shows what the other one does. It answers `/v2/…` with what the HTTP port
 * answers, so the page asks nobody else; the three ports of Triton stay as they are.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { type ModelMetadata, openApi } from "./openapi.js";
import { pageText } from "./page-text.js";

export interface UiOptions {
  /** 0 takes a free port. */
  readonly port: number;
  /** Of the server that is shown. */
  readonly httpPort: number;
  readonly metricsPort?: number | undefined;
  readonly repositories: readonly string[];
  /** How often the page hears of counts. */
  readonly intervalMs?: number;
}

export interface Ui {
  readonly url: string;
  stop(): Promise<void>;
}

const SAFE_HEADERS = {
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
} as const;

/** @throws Error when the port is taken */
export async function serveUi(options: UiOptions): Promise<Ui> {
  const listeners = new Set<ServerResponse>();
  const server: Server = createServer({ requestTimeout: 300_000 }, (asked, answer) => {
    const { port } = server.address() as { port: number };
    // Another site's name that leads here (DNS rebinding) is not ours; nor is a form of another site.
    const { host = "", origin } = asked.headers;
    const own = [`127.0.0.1:${port}`, `localhost:${port}`];
    if (!own.includes(host) || (origin !== undefined && !own.some(name => origin === `http://${name}`)))
      return send(answer, 403, "text/plain", "This page answers its own address alone.\n");
    respond(asked, answer, options, listeners).catch(error => {
      if (answer.headersSent) answer.destroy();
      else send(answer, 502, "application/json", JSON.stringify({ error: (error as Error).message }));
    });
  });
  await new Promise<void>((done, fail) => {
    server.once("error", fail).listen(options.port, "127.0.0.1", done);
  });
  const timer = setInterval(async () => {
    if (listeners.size === 0) return;
    const event = `data: ${JSON.stringify(await counts(options).catch(error => ({ error: (error as Error).message })))}\n\n`;
    for (const listener of listeners) if (listener.writableLength < 65_536) listener.write(event);
  }, options.intervalMs ?? 1000).unref();
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/`,
    stop: () =>
      new Promise(done => {
        clearInterval(timer);
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

async function respond(
  asked: IncomingMessage,
  answer: ServerResponse,
  options: UiOptions,
  listeners: Set<ServerResponse>,
): Promise<void> {
  const path = asked.url!.split("?")[0]!;
  const docs = /^\/v2\/models\/([^/]+)\/docs$/.exec(path);
  if (path.startsWith("/v2") && !docs) return pass(asked, answer, options.httpPort);
  if (asked.method !== "GET") return send(answer, 405, "text/plain", "GET only.\n");
  if (path === "/") return send(answer, 200, "text/html; charset=utf-8", pageText());
  if (path === "/page.js")
    return send(answer, 200, "text/javascript", readFileSync(new URL("./page/page.js", import.meta.url), "utf8"));
  if (docs) {
    const { status, text } = await ask(options.httpPort, "GET", `/v2/models/${docs[1]}`);
    if (status !== 200) return send(answer, status, "application/json", text);
    return send(
      answer,
      200,
      "application/json",
      `${JSON.stringify(openApi(JSON.parse(text) as ModelMetadata), null, 2)}\n`,
    );
  }
  if (path === "/counts") return send(answer, 200, "application/json", JSON.stringify(await counts(options)));
  if (path === "/events") {
    answer.writeHead(200, { ...SAFE_HEADERS, "content-type": "text/event-stream" });
    answer.write(`data: ${JSON.stringify(await counts(options))}\n\n`);
    listeners.add(answer);
    answer.on("close", () => listeners.delete(answer));
    return;
  }
  const graph = /^\/graph\/([^/]+)$/.exec(path);
  if (graph) {
    const { status, text } = await ask(options.httpPort, "POST", "/v2/repository/index", "{}");
    const name = decodeURIComponent(graph[1]!);
    // Only what the server has loaded; no name leads out of a repository.
    const known = status === 200 && (JSON.parse(text) as { name: string }[]).some(model => model.name === name);
    const plan = known ? planOf(name, options.repositories) : undefined;
    if (!plan) return send(answer, 404, "application/json", JSON.stringify({ error: "this model has no plan" }));
    const { drawPlan } = await import("../../compiler/index.js");
    return send(answer, 200, "application/json", JSON.stringify({ svg: await drawPlan(plan) }));
  }
  send(answer, 404, "text/plain", "There is no such page.\n");
}

function planOf(model: string, repositories: readonly string[]): string | undefined {
  for (const repository of repositories) {
    const folder = join(repository, model);
    if (!existsSync(folder)) continue;
    const versions = readdirSync(folder).filter(name => /^[1-9]\d*$/.test(name));
    const plans = versions.sort((a, b) => Number(b) - Number(a)).map(version => join(folder, version, "plan.json"));
    const found = plans.find(existsSync);
    if (found) return found;
  }
  return undefined;
}

interface Stage {
  readonly model: string;
  readonly stage: string;
  count: number;
  seconds: number;
  rowsIn: number;
  rowsOut: number;
}

/** States and statistics of models, and what each stage has done since the start. */
async function counts({ httpPort, metricsPort }: UiOptions): Promise<object> {
  const [index, stats, metrics] = await Promise.all([
    ask(httpPort, "POST", "/v2/repository/index", "{}"),
    ask(httpPort, "GET", "/v2/models/stats"),
    metricsPort === undefined ? { text: "" } : ask(metricsPort, "GET", "/metrics"),
  ]);
  const stages = new Map<string, Stage>();
  for (const line of metrics.text.split("\n")) {
    const [, name, labels, value] = /^merlon_stage_(\w+)\{(.*)\} (\S+)$/.exec(line) ?? [];
    if (!name) continue;
    const of = Object.fromEntries(
      [...labels!.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, k, v]) => [k, v]),
    ) as Record<string, string>;
    const key = `${of.model}\n${of.stage}`;
    const stage = stages.get(key) ?? {
      model: of.model!,
      stage: of.stage!,
      count: 0,
      seconds: 0,
      rowsIn: 0,
      rowsOut: 0,
    };
    stages.set(key, stage);
    if (name === "duration_seconds_count") stage.count += Number(value);
    if (name === "duration_seconds_sum") stage.seconds += Number(value);
    if (name === "rows_total") stage[of.direction === "out" ? "rowsOut" : "rowsIn"] += Number(value);
  }
  return {
    models: JSON.parse(index.text),
    stats: (JSON.parse(stats.text) as { model_stats: unknown }).model_stats,
    stages: [...stages.values()],
  };
}

const send = (answer: ServerResponse, status: number, type: string, body: string): void => {
  answer.writeHead(status, { ...SAFE_HEADERS, "content-type": type }).end(body);
};

/** The same call to the HTTP port, streamed both ways. */
function pass(asked: IncomingMessage, answer: ServerResponse, port: number): Promise<void> {
  return new Promise((done, fail) => {
    const { host: _, origin: __, ...headers } = asked.headers;
    const call = request({ host: "127.0.0.1", port, method: asked.method, path: asked.url, headers }, got => {
      answer.writeHead(got.statusCode!, { ...got.headers, ...SAFE_HEADERS });
      got.pipe(answer).on("finish", done).on("error", fail);
    });
    call.on("error", fail);
    answer.on("close", () => call.destroy());
    asked.pipe(call);
  });
}

function ask(port: number, method: string, path: string, body?: string): Promise<{ status: number; text: string }> {
  return new Promise((done, fail) => {
    const call = request({ host: "127.0.0.1", port, method, path }, got => {
      const chunks: Buffer[] = [];
      got.on("data", chunk => chunks.push(chunk)).on("error", fail);
      got.on("end", () => done({ status: got.statusCode!, text: Buffer.concat(chunks).toString() }));
    });
    call.on("error", fail).end(body);
  });
}
