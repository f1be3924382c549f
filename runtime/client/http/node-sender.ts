/**
 * HTTP by node:http. Connections are kept and shared, and client certificates work. A connection that the server closed while it was idle
 * is replaced silently.
 */
import { setMaxListeners } from "node:events";
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from "node:http";
import https from "node:https";
import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { CancelledError, type ClientError, DeadlineError, UnavailableError } from "../client-error.js";
import type { KeepAlive, TlsOptions } from "../connection-options.js";
import { tlsReason } from "../tls-reason.js";
import { concat, type HttpHead, type HttpRequest, type HttpSender } from "./send.js";

export interface NodeSenderOptions {
  readonly tls: TlsOptions | undefined;
  readonly keepAlive: KeepAlive | undefined;
  readonly connections: number;
}

const UNPACK: Readonly<Record<string, (bytes: Uint8Array) => Promise<Buffer>>> = {
  gzip: promisify<Uint8Array, Buffer>(gunzip),
  deflate: promisify<Uint8Array, Buffer>(inflate),
};

/** @param origin `https://host:port` */
export function nodeSender(origin: string, { tls, keepAlive, connections }: NodeSenderOptions): HttpSender {
  const { protocol, hostname, port } = new URL(origin);
  const isSecure = protocol === "https:";
  const agent = new (isSecure ? https : http).Agent({
    keepAlive: true,
    maxSockets: connections,
    // Sockets that have served go out last, so that idle ones can be dropped.
    scheduling: "lifo",
    ...(keepAlive && { keepAliveMsecs: keepAlive.interval }),
  });
  const base: RequestOptions = {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port || (isSecure ? 443 : 80),
    agent,
    ...(isSecure && tls && secureOptions(tls)),
  };

  const how: Connecting = { origin, base, request: (isSecure ? https : http).request };

  return {
    async send(request) {
      const response = await begin(how, request);
      const parts: Uint8Array[] = [];
      try {
        for await (const part of response) parts.push(part as Uint8Array);
        const encoding = response.headers["content-encoding"];
        const body = parts.length === 0 ? new Uint8Array(0) : concat(parts);
        const unpack = encoding === undefined ? undefined : UNPACK[encoding];
        return { ...head(response), body: unpack ? await unpack(body) : body };
      } catch (cause) {
        throw response.explain(cause);
      }
    },
    async open(request) {
      const response = await begin(how, request);
      return { ...head(response), chunks: read(response) };
    },
    async close() {
      agent.destroy();
    },
  };
}

interface Connecting {
  readonly origin: string;
  readonly base: RequestOptions;
  readonly request: typeof http.request;
}

/** The head of an answer, and why its body breaks off if it does. */
type Response = IncomingMessage & { explain(cause: unknown): Error };

/** Sends a request, once more where a kept connection had been closed. @throws ClientError */
function begin(how: Connecting, request: HttpRequest, isRetry = false): Promise<Response> {
  return new Promise((resolve, reject) => {
    const { method, path, headers, body } = request;
    const length = body?.reduce((sum, part) => sum + part.length, 0);
    const sent = how.request({
      ...how.base,
      method,
      path,
      headers: { ...headers, ...(length !== undefined && { "content-length": length }) },
    });
    const ended = endEarly(request, sent);
    const explain = (cause: unknown): ClientError =>
      ended() ??
      new UnavailableError("UNAVAILABLE", say(cause as Error, how.origin), { cause, notSent: isRefused(cause) });
    sent.on("response", response => resolve(Object.assign(response, { explain })));
    sent.on("error", cause => {
      // The server closed a kept connection just as this request took it: it has not seen the request.
      const isStale = sent.reusedSocket && (cause as NodeJS.ErrnoException).code === "ECONNRESET";
      if (isStale && !ended() && !isRetry) resolve(begin(how, request, true));
      else reject(explain(cause));
    });
    for (const part of body ?? []) sent.write(part);
    sent.end();
  });
}

/** Ends a request with its signal or its time. @returns why it was ended, if it was */
function endEarly({ signal, timeout }: HttpRequest, sent: ClientRequest): () => ClientError | undefined {
  let ended: ClientError | undefined;
  const end = (error: ClientError): void => {
    ended = error;
    sent.destroy(error);
  };
  const onAbort = (): void => end(new CancelledError("CANCELLED", "the call was aborted", { cause: signal!.reason }));
  const timer =
    timeout === undefined
      ? undefined
      : setTimeout(
          () => end(new DeadlineError("DEADLINE_EXCEEDED", `no answer within ${Math.round(timeout)} ms`)),
          Math.max(0, timeout),
        );
  if (signal) {
    // Many calls may share one signal, and that is not a leak.
    setMaxListeners(0, signal);
    signal.addEventListener("abort", onAbort, { once: true });
  }
  sent.on("close", () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  });
  return () => ended;
}

async function* read(response: Response): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response) yield chunk as Uint8Array;
  } catch (cause) {
    throw response.explain(cause);
  } finally {
    response.destroy();
  }
}

const head = (response: IncomingMessage): HttpHead => ({
  status: response.statusCode ?? 0,
  header: name => {
    const value = response.headers[name.toLowerCase()];
    return Array.isArray(value) ? value[0] : value;
  },
});

/** Options of Node's TLS. */
export const secureOptions = ({ ca, cert, key, serverName, verify }: TlsOptions) => ({
  ...(ca !== undefined && { ca: pem(ca) }),
  ...(cert !== undefined && { cert: pem(cert) }),
  ...(key !== undefined && { key: pem(key) }),
  ...(serverName !== undefined && { servername: serverName }),
  ...(verify === false && { rejectUnauthorized: false }),
});
const pem = (text: string | Uint8Array): string | Buffer => (typeof text === "string" ? text : Buffer.from(text));

const codeOf = (cause: unknown): string => (cause as NodeJS.ErrnoException)?.code ?? "";
const isRefused = (cause: unknown): boolean =>
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$|CERT|SELF_SIGNED|UNABLE_TO_/.test(codeOf(cause));

function say(cause: Error, origin: string): string {
  const code = codeOf(cause);
  if (code === "ECONNREFUSED")
    return `nothing answers at ${origin} (ECONNREFUSED): is the server running, and is this its HTTP port?`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `the host of ${origin} is not known (${code})`;
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(code))
    return `${origin} is not trusted: ${cause.message} (${code}). Give the authority that signed its certificate as \`tls.ca\`, or its name as \`tls.serverName\``;
  if (code === "EPROTO")
    return `${origin} does not speak TLS, or refused the handshake (${tlsReason(cause)}): is it http://?`;
  if (code.startsWith("HPE_"))
    return `what answers at ${origin} does not speak HTTP/1.1 (${cause.message}): is this a gRPC port (write grpc://)?`;
  if (code === "ECONNRESET" || cause.message === "aborted")
    return `the answer of ${origin} was cut off: ${cause.message}. A proxy in between may have a time limit`;
  return `no answer from ${origin}: ${cause.message}`;
}
