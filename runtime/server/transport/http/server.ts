/**
 * The HTTP endpoints: routes → a listening server; the metrics text → another.
 */
import { ConnectionCut } from "../../../base/connection-cut.js";
import { HALF_RESERVE } from "../../../base/descriptors.js";
import { RuntimeFault } from "../../../base/errors.js";
import type { MemoryBudget } from "../../../base/memory/memory-budget.js";
import type { ServerLog } from "../../observe/server-log.js";
import type { Exchange } from "../http1/exchange.js";
import { DEFAULT_LIMITS } from "../http1/limits.js";
import { createHttp1Server } from "../http1/serve.js";
import { type ListenAt, type Listener, listen } from "../listen.js";
import { type Answer, emptyAnswer, faultAnswer, forbidden, methodNotAllowed, notFound, writeAnswer } from "./answer.js";
import { type BrowserAccess, browserAccess } from "./browser-access.js";
import { answerRoute, methodInLog, pathOf, type Respond } from "./dispatch.js";
import type { RouteContext } from "./route.js";
import { ROUTES } from "./routes.js";

export interface HttpPort extends ListenAt {
  /** Milliseconds that a client may leave an answer unread; 0 for any. */
  readonly stallTime: number;
  /** Origins of web pages that may call the port besides its own. */
  readonly allowedOrigins: readonly string[];
  readonly budget: MemoryBudget;
}

export function serveHttp(options: HttpPort, context: RouteContext, log: ServerLog): Promise<Listener> {
  return start(options, log, request => {
    const { method } = request.head;
    const path = pathOf(request.head);
    if (log.isVerbose) log.verbose("http_server", `HTTP request: ${methodInLog(method)} ${path}`);
    const answer = answerRoute(ROUTES, request, context, path);
    if (answer) return answer;
    if (log.isVerbose) log.verbose("http_server", `HTTP error: ${methodInLog(method)} ${path} - 404`);
    return notFound;
  });
}

/** @param respond another front end over the same routes */
export const serveFrontEnd = (options: HttpPort, respond: Respond, log: ServerLog): Promise<Listener> =>
  start(options, log, respond);

/** @param print the metrics at this moment */
export function serveMetrics(
  options: HttpPort,
  print: () => string | Promise<string>,
  log: ServerLog,
): Promise<Listener> {
  return start({ ...options, isMetrics: true }, log, async ({ head }) => {
    if (head.method !== "GET") return methodNotAllowed("text/plain");
    const path = head.target.split("?")[0];
    if (path !== "/metrics" && path !== "/metrics/") return { ...emptyAnswer(), type: "text/plain; charset=utf-8" };
    return { status: 200, type: "text/plain; charset=utf-8", body: await print() };
  });
}

function start(options: HttpPort, log: ServerLog, respond: Respond): Promise<Listener> {
  const limits = {
    ...DEFAULT_LIMITS,
    stallTime: options.stallTime,
    ...(options.isMetrics && { maxConnections: HALF_RESERVE }),
  };
  const access = browserAccess(options.address, options.allowedOrigins);
  const { server, drain, leave } = createHttp1Server(
    exchange => void serve(exchange, access, respond, log),
    limits,
    options.budget,
  );
  return listen(server, options, drain, leave);
}

async function serve(exchange: Exchange, access: BrowserAccess, respond: Respond, log: ServerLog): Promise<void> {
  const { headers, method } = exchange.head;
  const shared = headers.origin === undefined ? undefined : access.share(headers);
  try {
    const refusal = access.refuse(headers);
    if (refusal !== undefined) return await writeAnswer(exchange, forbidden(refusal));
    const answer = shared && method === "OPTIONS" ? emptyAnswer() : await respond(exchange);
    await writeAnswer(exchange, shared ? withHeaders(answer, shared) : answer);
  } catch (error) {
    // An error of a client that has disconnected is not a fault.
    if (exchange.gone.aborted) return;
    if (error instanceof ConnectionCut) return cutOff(exchange, error);
    const fault = RuntimeFault.from(error);
    if (!(error instanceof RuntimeFault))
      log.error("http_server", `${fault.message}: ${String((error as Error)?.stack ?? error)}`);
    if (exchange.begun) exchange.destroy();
    else await writeAnswer(exchange, shared ? withHeaders(faultAnswer(fault), shared) : faultAnswer(fault));
  }
}

const withHeaders = (answer: Answer, headers: Readonly<Record<string, string>>): Answer => ({
  ...answer,
  headers: { ...answer.headers, ...headers },
});

function cutOff(exchange: Exchange, { sent, total }: ConnectionCut): void {
  if (!sent || exchange.begun) exchange.destroy();
  else
    exchange.cut(
      200,
      [
        ["Content-Type", "application/json"],
        ["Content-Length", total],
      ],
      sent,
    );
}
