/**
 * A gRPC server that passes every call on to another, bytes and headers as they are, and lets someone listen.
 */
import {
  type ClientHttp2Session,
  connect,
  constants,
  createSecureServer,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { frameReader, unpack } from "../transport/grpc/framing.js";
import { type Listener, listen } from "../transport/listen.js";
import { type ProxyTls, secureTarget } from "./proxy-tls.js";

export interface GrpcTap {
  request(message: Buffer): void;
  answer(message: Buffer): void;
  /** @param status undefined where the connection was lost before one came */
  end(status: { readonly code: number; readonly message: string } | undefined): void;
}

/** @param target `http://host:port` or `https://host:port` @param tap begins listening to a call */
export function serveGrpcProxy(
  address: { readonly address: string; readonly port: number },
  target: string,
  tap: (path: string, headers: IncomingHttpHeaders) => GrpcTap,
  { target: targetTls, listener }: ProxyTls = {},
): Promise<Listener> {
  const server = listener ? createSecureServer({ ...listener, ALPNProtocols: ["h2"] }) : createServer();
  const sessions = new Set<ServerHttp2Session>();
  let upstream: ClientHttp2Session | undefined;
  const open = (): ClientHttp2Session => {
    if (upstream && !upstream.closed && !upstream.destroyed) return upstream;
    upstream = connect(target, {
      settings: { initialWindowSize: 2 ** 24, enablePush: false },
      ...(target.startsWith("https:") && secureTarget(new URL(target).hostname, targetTls)),
    });
    upstream.on("error", () => {});
    return upstream;
  };
  server.on("session", session => {
    sessions.add(session);
    session.on("error", () => {});
    session.on("close", () => sessions.delete(session));
  });
  server.on("stream", (stream, headers) => pass(stream, headers, open(), tap(headers[":path"] ?? "", headers)));
  return listen(server, address, async () => {
    for (const session of sessions) session.destroy();
    upstream?.destroy();
  });
}

function pass(down: ServerHttp2Stream, headers: IncomingHttpHeaders, session: ClientHttp2Session, tap: GrpcTap): void {
  const { ":scheme": _, ":authority": __, host: ___, ...rest } = headers;
  const up = session.request(rest as OutgoingHttpHeaders, { endStream: false });
  let ended = false;
  let trailers: IncomingHttpHeaders = {};
  let turn = Promise.resolve();
  /** Messages in their order, packed ones unpacked. */
  const messages = (encoding: () => string, take: (message: Buffer) => void) =>
    frameReader(frame => {
      turn = turn
        .then(() => unpack(frame, encoding()))
        .then(take)
        // What can't be read is passed on all the same.
        .catch(() => {});
    });
  const end = (status: Parameters<GrpcTap["end"]>[0]): void => {
    if (ended) return;
    ended = true;
    void turn.then(() => tap.end(status)).catch(() => {});
  };
  let answerEncoding = "identity";
  const readRequest = messages(
    () => String(headers["grpc-encoding"] ?? "identity"),
    message => tap.request(message),
  );
  const readAnswer = messages(
    () => answerEncoding,
    message => tap.answer(message),
  );
  const listenTo = (read: (chunk: Buffer) => void) => (chunk: Buffer) => {
    try {
      read(chunk);
    } catch {
      // What is no gRPC is passed on all the same.
    }
  };
  down.on("data", listenTo(readRequest));
  down.pipe(up);
  up.on("response", (found, flags) => {
    answerEncoding = String(found["grpc-encoding"] ?? "identity");
    const last = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    if (last) trailers = found;
    if (!down.destroyed && !down.headersSent)
      down.respond(found as OutgoingHttpHeaders, last ? { endStream: true } : { waitForTrailers: true });
  });
  down.on("wantTrailers", () => {
    if (!down.destroyed) down.sendTrailers(trailers as OutgoingHttpHeaders);
  });
  up.on("trailers", found => {
    trailers = found;
  });
  up.on("data", (chunk: Buffer) => {
    listenTo(readAnswer)(chunk);
    if (down.writable && !down.write(chunk)) {
      up.pause();
      down.once("drain", () => up.resume());
    }
  });
  up.on("end", () => {
    // A stream that ends without a status was cut on its way: the client must see that too.
    if (trailers["grpc-status"] === undefined) return;
    end({ code: Number(trailers["grpc-status"]), message: percentDecode(String(trailers["grpc-message"] ?? "")) });
    if (!down.writableEnded) down.end();
  });
  up.on("close", () => {
    const lost = !ended;
    end(undefined);
    if (lost && !down.destroyed) down.session?.destroy();
  });
  up.on("error", () => {});
  down.on("error", () => {});
  down.on("close", () => {
    if (!up.closed && !up.destroyed && trailers["grpc-status"] === undefined) {
      end({ code: 1, message: "the client cancelled" });
      up.close(constants.NGHTTP2_CANCEL);
    }
  });
}

/** A status text; one that is encoded wrong stays as it is. */
function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
