/**
 * A gRPC server that passes every call on to another, bytes and headers as they are, and lets someone listen.
 */
import {
  type ClientHttp2Session,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { encodeFields } from "../../server/transport/http2/hpack-encode.js";
import { DEFAULT_LIMITS } from "../../server/transport/http2/limits.js";
import type { RequestHead } from "../../server/transport/http2/request-head.js";
import { createHttp2Server } from "../../server/transport/http2/serve.js";
import type { Field } from "../../server/transport/http2/static-table.js";
import type { Stream } from "../../server/transport/http2/stream.js";
import { type Listener, listen } from "../../server/transport/listen.js";
import { frameReader, unpack } from "../../wire/grpc/framing.js";
import { type ProxyTls, secureTarget } from "./proxy-tls.js";

type Headers = RequestHead["headers"];

export interface GrpcTap {
  request(message: Buffer): void;
  answer(message: Buffer): void;
  /** A message of either side that can't be unpacked; it is passed on all the same. */
  unreadable(error: Error): void;
  /** @param status undefined if the connection was lost before it arrived */
  end(status: { readonly code: number; readonly message: string } | undefined): void;
}

/** @param target `http://host:port` or `https://host:port` @param tap begins listening to a call */
export function serveGrpcProxy(
  address: { readonly address: string; readonly port: number },
  target: string,
  tap: (path: string, headers: Headers) => GrpcTap,
  { target: targetTls, listener }: ProxyTls = {},
): Promise<Listener> {
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
  const { server, drain } = createHttp2Server<Headers>({
    handler: {
      read: ({ headers }) => headers,
      open: (stream, headers) => pass(stream, headers, open(), tap(headers[":path"] ?? "", headers)),
    },
    limits: DEFAULT_LIMITS,
    tls: listener,
    connected() {},
  });
  return listen(server, address, async () => {
    await drain(0);
    upstream?.destroy();
  });
}

/** Pseudo-header fields are first. */
const fieldsOf = (headers: IncomingHttpHeaders): Field[] =>
  Object.entries(headers)
    .flatMap(([name, value]): Field[] => [value ?? []].flat().map(one => [name, String(one)]))
    .sort(([a], [b]) => Number(b.startsWith(":")) - Number(a.startsWith(":")));

/**
 * Gives the messages of a call, packed ones unpacked, to those who listen, in their order. Data that cannot be read, or is not gRPC, is
 * passed on all the same.
 */
function messageOrder(unreadable: GrpcTap["unreadable"]) {
  let turn = Promise.resolve();
  return {
    listenTo(encoding: () => string, take: (message: Buffer) => void): (chunk: Buffer) => void {
      const read = frameReader(frame => {
        turn = turn
          .then(() => unpack(frame, encoding()))
          .then(take)
          .catch(unreadable);
      });
      return chunk => {
        try {
          read(chunk);
        } catch {
          // It is passed on.
        }
      };
    },
    after(work: () => void): void {
      void turn.then(work).catch(() => {});
    },
  };
}

function pass(down: Stream, headers: Headers, session: ClientHttp2Session, tap: GrpcTap): void {
  const { ":scheme": _, ":authority": __, host: ___, ...rest } = headers;
  const up = session.request(rest as OutgoingHttpHeaders, { endStream: false });
  let ended = false;
  let trailers: IncomingHttpHeaders = {};
  const { listenTo, after } = messageOrder(error => tap.unreadable(error));
  const end = (status: Parameters<GrpcTap["end"]>[0]): void => {
    if (ended) return;
    ended = true;
    after(() => tap.end(status));
  };
  let answerEncoding = "identity";
  const hearRequest = listenTo(
    () => String(headers["grpc-encoding"] ?? "identity"),
    message => tap.request(message),
  );
  const hearAnswer = listenTo(
    () => answerEncoding,
    message => tap.answer(message),
  );
  down.listen({
    data(chunk) {
      hearRequest(chunk);
      // The bytes are the connection's again once this returns, and `write` keeps them until they are sent.
      if (up.destroyed || up.write(Buffer.from(chunk))) return;
      down.pause();
      up.once("drain", () => down.resume());
    },
    end: () => void up.end(),
  });
  up.on("response", (found, flags) => {
    answerEncoding = String(found["grpc-encoding"] ?? "identity");
    const last = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    if (last) trailers = found;
    down.respond(encodeFields(fieldsOf(found)), last);
  });
  up.on("trailers", found => {
    trailers = found;
  });
  up.on("data", (chunk: Buffer) => {
    hearAnswer(chunk);
    if (down.write([chunk])) return;
    up.pause();
    down.whenSent(() => up.resume());
  });
  up.on("end", () => {
    // A stream that ends without a status was cut on its way: the client must see that too.
    if (trailers["grpc-status"] === undefined) return;
    end({ code: Number(trailers["grpc-status"]), message: percentDecode(String(trailers["grpc-message"] ?? "")) });
    down.end(encodeFields(fieldsOf(trailers)));
  });
  up.on("close", () => {
    const lost = !ended;
    end(undefined);
    if (lost) down.connection.destroy();
  });
  up.on("error", () => {});
  down.onClose(() => {
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
