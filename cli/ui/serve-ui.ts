/**
 * The page of `merlon serve --ui`: a server of its own on loopback that shows what the other one does. It answers `/v2/…` like the HTTP port, so
 * the page sends no request elsewhere. The three ports of Triton stay as they are.
 */
import { existsSync, readdirSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { isModelName, type ModelName } from "../../contract/files/model-name.js";
import type { ReadableRequests } from "../../runtime/server/observe/tracing/recent-requests.js";
import { capConnections } from "../../runtime/server/transport/connection-cap.js";
import { createRestriction, type Restrictable, type Restriction } from "../../runtime/server/transport/restriction.js";
import { ask, pass, type ShownServer } from "./ask-server.js";
import { counts } from "./counts.js";
import { type ModelMetadata, openApi } from "./openapi.js";
import { isOwn } from "./own-address.js";
import { pageText } from "./page-text.js";
import { readScript } from "./scripts.js";

export interface UiOptions {
  /** 0 takes a free port. */
  readonly port: number;
  /** @default "127.0.0.1" */
  readonly address?: string;
  readonly server: ShownServer;
  readonly repositories: readonly string[];
  /** The last requests of all clients. */
  readonly recent?: ReadableRequests | undefined;
  /** Between two events with counts. @default 1000 */
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
  const { address = "127.0.0.1" } = options;
  const listeners = new Set<ServerResponse>();
  const restriction = createRestriction(options.server.restricted ?? []);
  const started = Date.now();
  const server: Server = createServer({ requestTimeout: 300_000 }, (asked, answer) => {
    if (!isOwn(address, asked.headers))
      return send(answer, 403, "text/plain", "This page answers its own address alone.\n");
    respond(asked, answer, { ...options, restriction, started }, listeners).catch(error => {
      if (answer.headersSent) answer.destroy();
      else send(answer, 502, "application/json", JSON.stringify({ error: (error as Error).message }));
    });
  });
  await new Promise<void>((done, fail) => {
    server.once("error", fail).listen(options.port, address, done);
  });
  capConnections(server, () => {});
  const timer = setInterval(async () => {
    if (listeners.size === 0) return;
    const event = await eventText(options, started);
    for (const listener of listeners) if (listener.writableLength < 65_536) listener.write(event);
  }, options.intervalMs ?? 1000).unref();
  const { port } = server.address() as { port: number };
  return {
    url: `http://${address.includes(":") ? `[${address}]` : address}:${port}/`,
    stop: () =>
      new Promise(done => {
        clearInterval(timer);
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** @param started by which a page that was open before a restart sees that the server is another */
const eventText = async ({ server, recent }: UiOptions, started: number): Promise<string> => {
  const now = await counts(server, recent).catch(error => ({ error: (error as Error).message }));
  return `data: ${JSON.stringify({ server: started, ...now })}\n\n`;
};

/** The APIs whose answers each path of the page shows: who opens it needs their keys. */
const SHOWN: readonly (readonly [path: RegExp, apis: readonly Restrictable[]])[] = [
  [/^\/(counts|events)$/, ["statistics", "model-repository"]],
  [/^\/history$/, ["statistics"]],
  // Tensors of all clients.
  [/^\/requests(\/|$)/, ["inference"]],
  [/^\/graph\//, ["model-repository", "model-config"]],
  [/^\/v2\/models\/[^/]+\/docs$/, ["metadata"]],
];

/** Names of headers whose keys the request lacks. */
const missingKeys = (
  restriction: Restriction,
  apis: readonly Restrictable[],
  { headers }: IncomingMessage,
): readonly string[] => [...new Set(apis.flatMap(api => restriction(api, name => headers[name]?.toString()) ?? []))];

async function respond(
  asked: IncomingMessage,
  answer: ServerResponse,
  options: UiOptions & { readonly restriction: Restriction; readonly started: number },
  listeners: Set<ServerResponse>,
): Promise<void> {
  const { server, recent, restriction } = options;
  const path = asked.url!.split("?")[0]!;
  if (path === "/access")
    return sendJson(answer, {
      missing: missingKeys(
        restriction,
        SHOWN.flatMap(([, apis]) => apis),
        asked,
      ),
    });
  const missing = missingKeys(restriction, SHOWN.find(([shown]) => shown.test(path))?.[1] ?? [], asked);
  if (missing.length > 0)
    return sendJson(
      answer,
      { error: `this part of the page is restricted, expecting header '${missing.join("', '")}'` },
      403,
    );
  const docs = /^\/v2\/models\/([^/]+)\/docs$/.exec(path);
  if (/^\/v2(\/|$)/.test(path) && !docs) return pass(server, asked, answer, SAFE_HEADERS);
  if (asked.method !== "GET") return send(answer, 405, "text/plain", "GET only.\n");
  if (path === "/") return send(answer, 200, "text/html; charset=utf-8", pageText());
  const script = readScript(/^\/([\w-]+)\.js$/.exec(path)?.[1] ?? "");
  if (script !== undefined) return send(answer, 200, "text/javascript", script);
  if (docs) {
    const { status, text } = await ask(server, "GET", `/v2/models/${docs[1]}`);
    return status === 200
      ? sendJson(answer, openApi(JSON.parse(text) as ModelMetadata))
      : send(answer, status, "application/json", text);
  }
  if (path === "/counts") return sendJson(answer, await counts(server, recent));
  if (path === "/history") {
    const model = new URL(asked.url!, "http://page").searchParams.get("model") ?? undefined;
    const history = await recent?.history(model);
    return history
      ? sendJson(answer, history)
      : sendJson(answer, { error: "no request of this model is counted" }, 404);
  }
  if (path === "/requests") return sendJson(answer, (await recent?.list()) ?? []);
  const request = /^\/requests\/(\d+)$/.exec(path);
  if (request) {
    const found = await recent?.find(Number(request[1]));
    return found ? sendJson(answer, found) : sendJson(answer, { error: "this request is no longer kept" }, 404);
  }
  if (path === "/events") {
    answer.writeHead(200, { ...SAFE_HEADERS, "content-type": "text/event-stream" });
    answer.write(await eventText(options, options.started));
    listeners.add(answer);
    answer.on("close", () => listeners.delete(answer));
    return;
  }
  const graph = /^\/graph\/([^/]+)$/.exec(path);
  if (graph) {
    const { status, text } = await ask(server, "POST", "/v2/repository/index", "{}");
    const name = decoded(graph[1]!);
    // Only what the server has loaded; no name leads out of a repository.
    const known = status === 200 && (JSON.parse(text) as { name: string }[]).some(model => model.name === name);
    const plan = known && isModelName(name) ? planOf(name, options.repositories) : undefined;
    if (!plan) return sendJson(answer, { error: "this model has no plan" }, 404);
    const { drawPlan } = await import("../../compiler/index.js");
    return sendJson(answer, { svg: await drawPlan(plan) });
  }
  send(answer, 404, "text/plain", "There is no such page.\n");
}

/** @returns "" for text that is not percent-encoded correctly; no model has that name */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function planOf(model: ModelName, repositories: readonly string[]): string | undefined {
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

const send = (answer: ServerResponse, status: number, type: string, body: string): void => {
  answer.writeHead(status, { ...SAFE_HEADERS, "content-type": type }).end(body);
};

const sendJson = (answer: ServerResponse, value: object, status = 200): void =>
  send(answer, status, "application/json", `${JSON.stringify(value, null, 2)}\n`);
