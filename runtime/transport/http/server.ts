/**
 * The HTTP endpoints on node:http: routes → a listening server; the metrics text → another.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Cancellable, type Cancellation } from "../../cancellation.js";
import { ConnectionCut } from "../../connection-cut.js";
import { RuntimeFault } from "../../errors.js";
import type { ServerLog } from "../../server-log.js";
import { type ListenAt, type Listener, listen } from "../listen.js";
import { watchStalls } from "../stalled-sockets.js";
import {
  type Answer,
  emptyAnswer,
  faultAnswer,
  methodNotAllowed,
  notFound,
  restricted,
  writeAnswer,
} from "./answer.js";
import type { RouteContext } from "./route.js";
import { ROUTES } from "./routes.js";

/** What one connection may cost; a client that is slower than this is cut off. */
const LIMITS = {
  maxHeaderSize: 2 ** 14,
  headersTimeout: 60_000,
  requestTimeout: 300_000,
  keepAliveTimeout: 75_000,
  /** A slow client is noticed at most this much after its time. */
  connectionsCheckingInterval: 10_000,
  requireHostHeader: false,
} as const;
const MAX_CONNECTIONS = 8192;
/** More headers than this are not read, as none that matters comes after so many. */
const MAX_HEADERS = 256;

/** Triton's log calls methods by the numbers of its HTTP library. */
const METHOD_NUMBERS: Readonly<Record<string, number>> = { GET: 0, HEAD: 1, POST: 2, PUT: 3, DELETE: 4 };

type Respond = (request: IncomingMessage, signal: Cancellation) => Answer | Promise<Answer>;

/** @param stallTime milliseconds that a client may leave an answer unread; 0 for any */
export function serveHttp(
  options: ListenAt & { readonly stallTime: number },
  context: RouteContext,
  log: ServerLog,
): Promise<Listener> {
  return start(options, log, (request, signal) => {
    // A request to a proxy names the whole URL.
    const path = request.url!.replace(/^https?:\/\/[^/]*/, "").split("?")[0]!;
    log.verbose("http_server", `HTTP request: ${METHOD_NUMBERS[request.method!] ?? request.method} ${path}`);
    let known = false;
    for (const route of ROUTES) {
      const match = route.path.exec(path);
      if (!match) continue;
      const missing = context.restriction(route.api, name => request.headers[name]?.toString());
      if (missing !== undefined) return restricted(missing);
      known = true;
      if (route.method === request.method) return route.answer({ request, context, path: match.groups ?? {}, signal });
    }
    return known ? methodNotAllowed(/\/(live|ready|infer)$/.test(path) ? "text/plain" : "application/json") : notFound;
  });
}

/** @param print the metrics at this moment */
export function serveMetrics(
  options: ListenAt & { readonly stallTime: number },
  print: () => string,
  log: ServerLog,
): Promise<Listener> {
  return start(options, log, request => {
    if (request.method !== "GET") return methodNotAllowed("text/plain; charset=utf-8");
    const path = request.url!.split("?")[0];
    if (path !== "/metrics" && path !== "/metrics/") return { ...emptyAnswer(), type: "text/plain; charset=utf-8" };
    return { status: 200, type: "text/plain; charset=utf-8", body: print() };
  });
}

function start(
  options: ListenAt & { readonly stallTime: number },
  log: ServerLog,
  respond: Respond,
): Promise<Listener> {
  let inFlight = 0;
  let idle: (() => void) | undefined;
  const server: Server = createServer(LIMITS, (request, response) => {
    inFlight++;
    response.on("close", () => {
      if (--inFlight === 0) idle?.();
    });
    void serve(request, response, respond, log);
  });
  const stalls = watchStalls(options.stallTime);
  server.on("connection", socket => stalls.add(socket));
  server.on("close", () => stalls.stop());
  server.maxConnections = MAX_CONNECTIONS;
  server.maxHeadersCount = MAX_HEADERS;
  server.on("clientError", (_, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  return listen(server, options, async patience => {
    server.closeIdleConnections();
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>(done => {
      if (inFlight === 0) return done();
      idle = done;
      timer = setTimeout(done, patience);
    });
    clearTimeout(timer);
    server.closeAllConnections();
  });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  respond: Respond,
  log: ServerLog,
): Promise<void> {
  const abort = new Cancellable();
  response.on("close", () => {
    if (!response.writableFinished) abort.abort();
  });
  try {
    await writeAnswer(response, await respond(request, abort));
  } catch (error) {
    if (error instanceof ConnectionCut) return cutOff(response, error);
    const fault = RuntimeFault.from(error);
    if (!(error instanceof RuntimeFault))
      log.error("http_server", `${fault.message}: ${String((error as Error)?.stack ?? error)}`);
    await writeAnswer(response, faultAnswer(fault)).catch(() => {});
  }
  // What is left of a refused body is read away, so that the connection can be used again.
  if (!request.complete) request.resume();
}

function cutOff(response: ServerResponse, { sent, total }: ConnectionCut): void {
  if (!sent) {
    response.destroy();
    return;
  }
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": total });
  response.write(sent, () => response.destroy());
}
