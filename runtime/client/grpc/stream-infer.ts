/**
 * ModelStreamInfer as an async iterable. Requests are sent as they are produced, responses wait for their reader, and a slow reader causes
 * backpressure.
 */
import type { OutgoingHttpHeaders } from "node:http2";
import type { FramePieces } from "../../wire/grpc/frame-with-raw.js";
import { writePieces } from "../../wire/grpc/framing.js";
import type { ClientError } from "../client-error.js";
import type { CallSettings, StreamMessage, WireRequest } from "../wire-call.js";
import { decodeStreamResponse } from "./decode-response.js";
import { encodeRequest } from "./encode-request.js";
import { placedOutputs } from "./placed-outputs.js";
import type { Connection } from "./session.js";
import { type OpenCall, openCall } from "./unary.js";

/** Answers that may wait for their reader. */
const MOST_WAITING = 64;

export async function* streamInfer(
  connection: Connection,
  headers: OutgoingHttpHeaders,
  requests: AsyncIterable<WireRequest>,
  framed: (pieces: FramePieces) => FramePieces,
  settings: CallSettings,
): AsyncGenerator<StreamMessage, void, undefined> {
  const waiting: StreamMessage[] = [];
  const placed = new Set<string>();
  const state: { end?: { readonly error: ClientError | undefined }; failed?: unknown } = {};
  let wake: () => void = () => {};
  const call: OpenCall = openCall(
    connection,
    headers,
    settings,
    {},
    {
      onMessage(bytes) {
        waiting.push(decodeStreamResponse(bytes, placed));
        if (waiting.length >= MOST_WAITING) call.stream.pause();
        wake();
      },
      onEnd(error) {
        state.end = { error };
        wake();
      },
    },
  );
  const { stream } = call;
  const source = requests[Symbol.asyncIterator]();
  const send = async (): Promise<void> => {
    for (let next = await source.next(); !next.done && !state.end; next = await source.next()) {
      for (const name of placedOutputs(next.value)) placed.add(name);
      if (!writePieces(stream, framed(encodeRequest(next.value)))) await drained(stream);
    }
    if (!state.end) stream.end();
  };
  // A fault of the caller's own requests ends the stream with that fault.
  send().catch(error => {
    state.failed = error;
    call.cancel();
  });
  try {
    for (;;) {
      const next = waiting.shift();
      if (next) {
        if (waiting.length < MOST_WAITING / 2 && stream.isPaused()) stream.resume();
        yield next;
      } else if (state.end) break;
      else
        await new Promise<void>(resolve => {
          wake = resolve;
        });
    }
    if (state.failed !== undefined) throw state.failed;
    if (state.end.error) throw state.end.error;
  } finally {
    if (!state.end) call.cancel();
    // The producer of requests may be waiting for something that will never happen.
    void source.return?.()?.then(undefined, () => {});
  }
}

const drained = (stream: OpenCall["stream"]): Promise<void> =>
  new Promise(resolve => {
    const done = (): void => {
      stream.off("drain", done).off("close", done);
      resolve();
    };
    stream.on("drain", done).on("close", done);
  });
