/**
 * One HTTP/2 connection to a gRPC server. The first call opens it, and a later one reopens it if it was closed. An idle connection does not
 * keep the process alive.
 */
import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type ErrorPlace, UnavailableError } from "../client-error.js";
import type { KeepAlive, TlsOptions } from "../connection-options.js";
import { tlsReason } from "../tls-reason.js";

export interface SessionOptions {
  readonly authority: string;
  readonly tls: TlsOptions | undefined;
  readonly secure: boolean;
  readonly keepAlive: KeepAlive | undefined;
  /** Milliseconds to the first byte of a connection. */
  readonly connectTimeout: number;
}

/** Large tensors would crawl through HTTP/2's windows of 64 KiB. */
const WINDOW = 2 ** 24;

export interface Connection {
  /** A connection that takes calls. */
  take(): ClientHttp2Session;
  /** A call has begun, or ended: an idle connection must not keep the process alive. */
  begin(): void;
  end(): void;
  /** Why the connection was lost, for the calls it took along. */
  reason(place: ErrorPlace, seen: Error | undefined): UnavailableError;
  close(): Promise<void>;
}

export function openConnection(options: SessionOptions): Connection {
  const { authority, secure } = options;
  const url = `${secure ? "https" : "http"}://${authority}`;
  const createConnection = socketsOf(options, url);
  let session: ClientHttp2Session | undefined;
  let lost: Error | undefined;
  let inFlight = 0;
  let isClosed = false;

  const open = (): ClientHttp2Session => {
    lost = undefined;
    const made = connect(url, {
      settings: { initialWindowSize: WINDOW, enablePush: false },
      createConnection,
    });
    const patience = setTimeout(
      () => made.destroy(new Error(`no connection within ${options.connectTimeout} ms`)),
      options.connectTimeout,
    );
    patience.unref();
    made.once("connect", () => {
      clearTimeout(patience);
      if (!made.destroyed) made.setLocalWindowSize(WINDOW);
    });
    const forget = (): void => {
      clearTimeout(patience);
      if (session === made) session = undefined;
    };
    made.on("error", error => {
      lost = error;
      forget();
    });
    // A server that sends GOAWAY finishes its calls and accepts no more.
    made.on("goaway", forget);
    made.on("close", forget);
    if (options.keepAlive) ping(made, options.keepAlive, () => inFlight > 0);
    if (inFlight === 0) made.unref();
    return made;
  };

  return {
    take() {
      isClosed = false;
      if (!session || session.destroyed || session.closed) session = open();
      return session;
    },
    begin() {
      if (inFlight++ === 0) session?.ref();
    },
    end() {
      if (--inFlight === 0 && session && !session.destroyed) session.unref();
    },
    reason(place, seen) {
      if (isClosed)
        return new UnavailableError("UNAVAILABLE", "the client was closed while the call was under way", place);
      // A stream that waited for the connection fails by itself, with the connection's error as the cause.
      const cause = lost ?? (seen?.cause instanceof Error ? seen.cause : seen);
      return new UnavailableError("UNAVAILABLE", explain(cause, authority, secure), {
        ...place,
        cause,
        notSent: isRefused(cause),
      });
    },
    async close() {
      isClosed = true;
      const last = session;
      session = undefined;
      if (!last || last.destroyed) return;
      await ended(last);
    },
  };
}

/** @returns opens a socket to the server */
function socketsOf({ secure, tls }: SessionOptions, url: string): () => Socket {
  const { hostname, port } = new URL(url);
  const plain = {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port || (secure ? 443 : 80)),
    noDelay: true,
  };
  if (!secure) return () => connectPlain(plain);
  const options = {
    ...plain,
    ALPNProtocols: ["h2"],
    // An IP address cannot be a server name (SNI).
    ...(isIP(plain.host) ? {} : { servername: plain.host }),
    ...(tls?.ca && { ca: buffer(tls.ca) }),
    ...(tls?.cert && { cert: buffer(tls.cert) }),
    ...(tls?.key && { key: buffer(tls.key) }),
    ...(tls?.serverName && { servername: tls.serverName }),
    ...(tls?.verify === false && { rejectUnauthorized: false }),
  };
  return () => connectTls(options);
}

/** Destroys a session; resolves when it has closed. */
function ended(session: ClientHttp2Session): Promise<void> {
  return new Promise(done => {
    // Deno never says that a session has closed.
    const enough = setTimeout(done, 500);
    session.once("close", () => {
      clearTimeout(enough);
      done();
    });
    session.destroy();
  });
}

const buffer = (pem: string | Uint8Array): string | Buffer => (typeof pem === "string" ? pem : Buffer.from(pem));

function ping(session: ClientHttp2Session, { interval, timeout = 20_000 }: KeepAlive, busy: () => boolean): void {
  const timer = setInterval(() => {
    if (session.destroyed || !busy()) return;
    const late = setTimeout(() => session.destroy(new Error(`no answer to a ping within ${timeout} ms`)), timeout);
    session.ping(() => clearTimeout(late));
  }, interval);
  timer.unref();
  session.once("close", () => clearInterval(timer));
}

const codeOf = (error: Error | undefined): string => (error as NodeJS.ErrnoException | undefined)?.code ?? "";
const isRefused = (error: Error | undefined): boolean =>
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/.test(codeOf(error)) || isCertificate(error);
const isCertificate = (error: Error | undefined): boolean =>
  /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT/.test(codeOf(error));

function explain(error: Error | undefined, authority: string, secure: boolean): string {
  const at = `the gRPC server at ${authority}`;
  const code = codeOf(error);
  if (!error) return `the connection to ${at} ended before the answer`;
  if (code === "ECONNREFUSED")
    return `nothing answers at ${authority} (ECONNREFUSED): is the server running, and is this its gRPC port?`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `the host of ${authority} is not known (${code})`;
  if (isCertificate(error))
    return `${at} is not trusted: ${error.message} (${code}). Give the authority that signed its certificate as \`tls.ca\`, or its name as \`tls.serverName\``;
  if (/alert|handshake|certificate required/i.test(error.message))
    return `${at} refused the TLS handshake: ${tlsReason(error)}. If it requires a client certificate, give \`tls.cert\` and \`tls.key\``;
  if (code === "EPROTO" || /wrong version number|packet length/i.test(error.message))
    return `${at} does not speak TLS: ${tlsReason(error)}. Without TLS write grpc:// and not grpcs://`;
  if (code === "ERR_HTTP2_ERROR" || code === "ERR_HTTP2_SESSION_ERROR" || /Protocol error/i.test(error.message))
    return `the server at ${authority} does not speak HTTP/2 (${error.message}), so it is not a gRPC server: is this an HTTP port (write http://)${secure ? "" : ", or does the server require TLS (write grpcs://)"}?`;
  return `the connection to ${at} was lost: ${error.message}`;
}
