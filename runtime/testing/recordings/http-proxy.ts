/**
 * An HTTP server that passes every request on to another, bytes and headers as they are, and lets someone listen.
 */
import {
  Agent,
  request as ask,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { request as askSecurely, createServer as createSecureServer, Agent as SecureAgent } from "node:https";
import { type Listener, listen } from "../../server/transport/listen.js";
import { type ProxyTls, secureTarget } from "./proxy-tls.js";

export interface HttpExchange {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Undefined where the connection was lost. */
  readonly answer:
    | { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer; readonly whole: boolean }
    | undefined;
  /** The client hung up before it had the answer. */
  readonly isAbandoned: boolean;
  readonly ms: number;
}

/** @param target `http://host:port` or `https://host:port` @param tap called with each request when it is over */
export function serveHttpProxy(
  address: { readonly address: string; readonly port: number },
  target: string,
  tap: (exchange: HttpExchange) => void,
  { target: targetTls, listener }: ProxyTls = {},
): Promise<Listener> {
  const base = new URL(target);
  const secure = base.protocol === "https:";
  const agent = secure
    ? new SecureAgent({ keepAlive: true, ...secureTarget(base.hostname, targetTls) })
    : new Agent({ keepAlive: true });
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    pass(
      request,
      response,
      options => (secure ? askSecurely : ask)({ ...options, agent, host: base.hostname, port: base.port }),
      tap,
    );
  };
  const server = listener ? createSecureServer(listener, handle) : createServer(handle);
  return listen(server, address, async () => {
    server.closeAllConnections();
    agent.destroy();
  });
}

function pass(
  request: IncomingMessage,
  response: ServerResponse,
  send: (options: object) => ReturnType<typeof ask>,
  tap: (exchange: HttpExchange) => void,
): void {
  const began = performance.now();
  const sent: Buffer[] = [];
  const received: Buffer[] = [];
  let found: IncomingMessage | undefined;
  let told = false;
  let isAbandoned = false;
  const tell = (): void => {
    if (told) return;
    told = true;
    tap({
      method: request.method ?? "GET",
      path: request.url ?? "/",
      headers: request.headers,
      body: Buffer.concat(sent),
      answer: found && {
        status: found.statusCode ?? 0,
        headers: found.headers,
        body: Buffer.concat(received),
        whole: found.complete,
      },
      isAbandoned,
      ms: performance.now() - began,
    });
  };
  const up = send({ method: request.method, path: request.url, headers: request.headers });
  request.on("data", (chunk: Buffer) => sent.push(chunk));
  request.pipe(up);
  up.on("response", answer => {
    found = answer;
    response.sendDate = false;
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.on("data", (chunk: Buffer) => received.push(chunk));
    answer.on("close", () => {
      tell();
      if (!answer.complete) response.destroy();
    });
    answer.on("error", () => response.destroy());
    answer.pipe(response);
  });
  up.on("error", error => {
    tell();
    if (response.headersSent) response.destroy();
    else {
      response.writeHead(502, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ error: `the target of the recording can't be reached: ${error.message}` }));
    }
  });
  response.on("close", () => {
    if (response.writableFinished) return;
    isAbandoned = true;
    up.destroy();
  });
}
