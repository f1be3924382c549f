/**
 * One gRPC call over an HTTP/2 stream: frames out, messages in, and the status at the end as a resolved promise or an error.
 */
import { setMaxListeners } from "node:events";
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { constants } from "node:http2";
import type { FramePieces } from "../../wire/grpc/frame-with-raw.js";
import { type Frame, frameReader, unpack } from "../../wire/grpc/framing.js";
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
  /** Cancels the call. */
  cancel(): void;
}

export interface CallEvents {
  onMessage(bytes: Buffer): void;
  /** Called once, as the last callback. */
  onEnd(error: ClientError | undefined): void;
}

const { NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM } = constants;

/**
 * Begins a call. Messages and the end arrive by `events`; packed messages are unpacked in order.
 * @throws UnavailableError when no stream can be opened; `events` has it, too
 */
export const openCall = (
  connection: Connection,
  headers: OutgoingHttpHeaders,
  settings: CallSettings,
  place: ErrorPlace,
  events: CallEvents,
): OpenCall => new StreamCall(connection, headers, settings, place, events);

class StreamCall implements OpenCall {
  readonly stream: ClientHttp2Stream;
  readonly #connection: Connection;
  readonly #session: ClientHttp2Session;
  readonly #signal: AbortSignal | undefined;
  readonly #place: ErrorPlace;
  readonly #events: CallEvents;
  readonly #onAbort = (): void =>
    this.#end(new CancelledError("CANCELLED", "the call was aborted", { ...this.#place, cause: this.#signal!.reason }));
  readonly #onClose = (): void => this.#end(this.#outcome());
  #ended = false;
  #timer: NodeJS.Timeout | undefined;
  #encoding = "identity";
  #status: IncomingHttpHeaders | undefined;
  #answered = false;
  #broken: Error | undefined;
  /** Packed messages take turns; plain ones go straight through unless one is before them. */
  #turn: Promise<void> | undefined;

  constructor(
    connection: Connection,
    headers: OutgoingHttpHeaders,
    { signal, timeout }: CallSettings,
    place: ErrorPlace,
    events: CallEvents,
  ) {
    this.#connection = connection;
    this.#signal = signal;
    this.#place = place;
    this.#events = events;
    this.#session = connection.take();
    connection.begin();
    this.stream = this.#open(headers);
    if (signal) {
      // Many calls may share one signal, and that is not a leak.
      setMaxListeners(0, signal);
      signal.addEventListener("abort", this.#onAbort, { once: true });
    }
    if (timeout !== undefined) this.#timer = setTimeout(() => this.#endTime(timeout), Math.max(0, timeout));
    this.#listen();
  }

  cancel(): void {
    this.#end(new CancelledError("CANCELLED", "the call was cancelled", this.#place));
  }

  #open(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    try {
      return this.#session.request(headers);
    } catch (cause) {
      const error = new UnavailableError("UNAVAILABLE", (cause as Error).message, {
        ...this.#place,
        cause,
        notSent: true,
      });
      queueMicrotask(() => this.#end(error));
      throw error;
    }
  }

  #listen(): void {
    const { stream } = this;
    const read = frameReader(frame => this.#receive(frame));
    stream.on("response", found => this.#begin(found));
    stream.on("trailers", found => {
      this.#status = found;
    });
    stream.on("data", (chunk: Buffer) => {
      try {
        read(chunk);
      } catch (cause) {
        this.#fail((cause as Error).message, cause);
      }
    });
    // The call ends when the stream has closed.
    stream.on("error", error => {
      this.#broken = error;
    });
    stream.on("close", () => {
      if (this.#ended) return;
      if (this.#turn) this.#turn.then(this.#onClose, this.#onClose);
      else this.#onClose();
    });
  }

  /** The headers of the answer. */
  #begin(found: IncomingHttpHeaders): void {
    this.#answered = true;
    const type = String(found["content-type"] ?? "");
    const status = found[":status"] as unknown;
    if (found["grpc-status"] !== undefined) this.#status = found;
    else if (status !== 200)
      this.#end(httpError(Number(status), `HTTP ${status} from a server that is not a gRPC server`, this.#place));
    else if (!type.startsWith("application/grpc"))
      this.#end(
        new ProtocolError(
          "UNKNOWN",
          `the server responds with content-type "${type}" and is not a gRPC server`,
          this.#place,
        ),
      );
    this.#encoding = String(found["grpc-encoding"] ?? "identity");
  }

  #receive(frame: Frame): void {
    if (this.#ended) return;
    if (!frame.compressed && !this.#turn) {
      this.#deliver(frame.bytes);
      return;
    }
    this.#turn = (this.#turn ?? Promise.resolve()).then(async () => {
      try {
        const bytes = await unpack(frame, this.#encoding);
        if (!this.#ended) this.#deliver(bytes);
      } catch (cause) {
        this.#fail((cause as Error).message, cause);
      }
    });
  }

  #deliver(bytes: Buffer): void {
    try {
      this.#events.onMessage(bytes);
    } catch (cause) {
      if (cause instanceof ClientError) this.#end(cause);
      else this.#fail("the response is not a message of KServe's gRPC service", cause);
    }
  }

  #fail(message: string, cause: unknown): void {
    this.#end(new ProtocolError("INTERNAL", message, { ...this.#place, cause }));
  }

  #endTime(timeout: number): void {
    this.#end(new DeadlineError("DEADLINE_EXCEEDED", `no answer within ${Math.round(timeout)} ms`, this.#place));
  }

  /** Once; later calls do nothing. */
  #end(error?: ClientError): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#connection.end();
    // Undefined if it could not be opened.
    const stream = this.stream as ClientHttp2Stream | undefined;
    if (error && stream && !stream.closed && !stream.destroyed) stream.close(NGHTTP2_CANCEL);
    this.#events.onEnd(error);
  }

  /** How the call ended when its stream has closed. */
  #outcome(): ClientError | undefined {
    const place = this.#place;
    const code = this.#status?.["grpc-status"];
    if (code !== undefined) {
      const text = String(this.#status!["grpc-message"] ?? "");
      return Number(code) === 0 ? undefined : grpcError(Number(code), decodeText(text), place);
    }
    const reset = this.stream.rstCode ?? 0;
    if (reset === NGHTTP2_REFUSED_STREAM)
      return new UnavailableError("UNAVAILABLE", "the server did not take the call", { ...place, notSent: true });
    if (!this.#answered || this.#session.destroyed) return this.#connection.reason(place, this.#broken);
    const why = reset ? ` (HTTP/2 error ${reset})` : "";
    return new UnavailableError(
      "UNAVAILABLE",
      `the answer was cut off: the stream ended without a status${why}. A proxy in between may have a time limit`,
      place,
    );
  }
}

/** Sends one message and receives one. */
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
