/**
 * One gRPC call over an HTTP/2 stream: frames out, messages in, and the status at the end as a resolved promise or an error.
 */
import { setMaxListeners } from "node:events";
import type { ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { constants } from "node:http2";
import type { FramePieces } from "../../wire/grpc/frame-with-raw.js";
import { frameReader, unpack } from "../../wire/grpc/framing.js";
import {
  CancelledError,
  ClientError,
  DeadlineError,
  type ErrorPlace,
  grpcError,
  httpError,
  ProtocolError,
  UnavailableError,
} from "../client-error.js";
import type { CallSettings } from "../wire-call.js";
import type { Connection } from "./session.js";

export interface OpenCall {
  readonly stream: ClientHttp2Stream;
  /** Tells the server that nobody waits. */
  cancel(): void;
}

export interface CallEvents {
  onMessage(bytes: Buffer): void;
  /** Once; nothing comes after it. */
  onEnd(error: ClientError | undefined): void;
}

const { NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM } = constants;

/** Begins a call. Messages and the end arrive by `events`; packed messages are unpacked in order. */
export function openCall(
  connection: Connection,
  headers: OutgoingHttpHeaders,
  settings: CallSettings,
  place: ErrorPlace,
  events: CallEvents,
): OpenCall {
  const { signal, timeout } = settings;
  let ended = false;
  let stream: ClientHttp2Stream | undefined;
  let timer: NodeJS.Timeout | undefined;
  let encoding = "identity";
  let status: IncomingHttpHeaders | undefined;
  let answered = false;
  let broken: Error | undefined;
  // Packed messages take turns; plain ones go straight through unless one is before them.
  let turn: Promise<void> | undefined;

  const end = (error?: ClientError): void => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    connection.end();
    if (error && stream && !stream.closed && !stream.destroyed) stream.close(NGHTTP2_CANCEL);
    events.onEnd(error);
  };
  const onAbort = (): void =>
    end(new CancelledError("CANCELLED", "the call was aborted", { ...place, cause: signal!.reason }));

  const session = connection.take();
  connection.begin();
  try {
    stream = session.request(headers);
  } catch (cause) {
    const error = new UnavailableError("UNAVAILABLE", (cause as Error).message, { ...place, cause, notSent: true });
    queueMicrotask(() => end(error));
    throw error;
  }
  const opened = stream;
  if (signal) {
    // Many calls may share one signal, and that is no leak.
    setMaxListeners(0, signal);
    signal.addEventListener("abort", onAbort, { once: true });
  }
  if (timeout !== undefined)
    timer = setTimeout(
      () => end(new DeadlineError("DEADLINE_EXCEEDED", `no answer within ${Math.round(timeout)} ms`, place)),
      Math.max(0, timeout),
    );

  const fail = (error: ClientError): void => end(error);
  const finish = (): void => {
    if (ended) return;
    if (turn) turn.then(conclude, conclude);
    else conclude();
  };
  const conclude = (): void => end(outcome());
  const outcome = (): ClientError | undefined => {
    const code = status?.["grpc-status"];
    if (code !== undefined) {
      const text = String(status!["grpc-message"] ?? "");
      return Number(code) === 0 ? undefined : grpcError(Number(code), decodeText(text), place);
    }
    const reset = opened.rstCode ?? 0;
    if (reset === NGHTTP2_REFUSED_STREAM)
      return new UnavailableError("UNAVAILABLE", "the server did not take the call", { ...place, notSent: true });
    if (!answered || session.destroyed) return connection.reason(place, broken);
    const why = reset ? ` (HTTP/2 error ${reset})` : "";
    return new UnavailableError(
      "UNAVAILABLE",
      `the answer was cut off: the stream ended without a status${why}. A proxy in between may have a time limit`,
      place,
    );
  };
  const read = frameReader(frame => {
    if (ended) return;
    if (!frame.compressed && !turn) return deliver(frame.bytes);
    const before = turn ?? Promise.resolve();
    turn = before.then(async () => {
      try {
        const bytes = await unpack(frame, encoding);
        if (!ended) deliver(bytes);
      } catch (cause) {
        fail(new ProtocolError("INTERNAL", (cause as Error).message, { ...place, cause }));
      }
    });
  });
  const deliver = (bytes: Buffer): void => {
    try {
      events.onMessage(bytes);
    } catch (cause) {
      fail(
        cause instanceof ClientError
          ? cause
          : new ProtocolError("INTERNAL", "the answer is no message of KServe's gRPC service", { ...place, cause }),
      );
    }
  };
  opened.on("response", found => {
    answered = true;
    const type = String(found["content-type"] ?? "");
    if (found["grpc-status"] !== undefined) status = found;
    else if (found[":status"] !== 200 || !type.startsWith("application/grpc"))
      fail(
        found[":status"] !== 200
          ? httpError(Number(found[":status"]), `HTTP ${found[":status"]} from something that is no gRPC server`, place)
          : new ProtocolError("UNKNOWN", `what answers has content-type "${type}" and is no gRPC server`, place),
      );
    encoding = String(found["grpc-encoding"] ?? "identity");
  });
  opened.on("trailers", found => {
    status = found;
  });
  opened.on("data", (chunk: Buffer) => {
    try {
      read(chunk);
    } catch (cause) {
      fail(new ProtocolError("INTERNAL", (cause as Error).message, { ...place, cause }));
    }
  });
  // The end is told when the stream has closed.
  opened.on("error", error => {
    broken = error;
  });
  opened.on("close", finish);
  return { stream: opened, cancel: () => end(new CancelledError("CANCELLED", "the call was cancelled", place)) };
}

/** Asks once, with one message each way. */
export function callUnary(
  connection: Connection,
  headers: OutgoingHttpHeaders,
  pieces: FramePieces,
  settings: CallSettings,
  place: ErrorPlace,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let answer: Buffer | undefined;
    try {
      const { stream } = openCall(connection, headers, settings, place, {
        onMessage(bytes) {
          answer = bytes;
        },
        onEnd(error) {
          if (error) reject(error);
          else if (answer) resolve(answer);
          else reject(new ProtocolError("INTERNAL", "the server said OK and answered nothing", place));
        },
      });
      for (let i = 0; i < pieces.length - 1; i++) stream.write(pieces[i]!);
      stream.end(pieces[pieces.length - 1]);
    } catch (error) {
      reject(error as Error);
    }
  });
}

function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
