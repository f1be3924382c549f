/**
 * Pieces of attackers: loops that end in time, and connections that are opened again when the server cuts them.
 */
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import {
  dataFrames,
  END_HEADERS,
  frame,
  framed,
  frameParser,
  greeting,
  grpcHead,
  HEADERS,
  SETTINGS,
} from "../../scorecard/support/http2-client.mjs";
import { INFER_PATH } from "../../scorecard/support/messages.mjs";

/** A pause after a connection was refused or cut, so that reconnecting is not the attack. */
const RECONNECT_MS = 20;

/** Runs `work` in this number of loops until the time is over. */
export const concurrently = (count, until, work) =>
  Promise.all(
    Array.from({ length: count }, async (_, loop) => {
      while (Date.now() < until) await work(loop);
    }),
  );

/**
 * One connection: calls `act(socket)`, and resolves when the connection is closed or the time is over.
 * @param act returns a promise to close after it, or undefined to keep the connection until the server cuts it
 */
export function onConnection(port, until, act, onData = () => {}) {
  return new Promise(resolve => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const timer = setTimeout(() => socket.destroy(), Math.max(0, until - Date.now()));
    socket.on("connect", async () => {
      const work = act(socket);
      if (!work) return;
      await work.catch(() => {});
      socket.destroy();
    });
    socket.on("data", onData);
    socket.on("error", () => {});
    socket.on("close", async () => {
      clearTimeout(timer);
      await pause(RECONNECT_MS);
      resolve();
    });
  });
}

/**
 * A long write is many short ones. The attacker shares a core with the good clients, and most kernels interrupt no call of the system. An
 * attacker on another machine would not delay them.
 */
const PIECE = 2 ** 16;

/** Writes and waits until the kernel has taken it; false once the connection is closed. */
export async function write(socket, bytes) {
  if (bytes.length <= PIECE) return writePiece(socket, bytes);
  for (let at = 0; at < bytes.length; at += PIECE)
    if (!(await writePiece(socket, bytes.subarray(at, at + PIECE)))) return false;
  return true;
}

const writePiece = (socket, bytes) =>
  new Promise(resolve => {
    if (socket.destroyed) return resolve(false);
    const gone = () => resolve(false);
    socket.once("close", gone);
    socket.write(bytes, error => {
      socket.off("close", gone);
      resolve(!error);
    });
  });

/** Sends bytes on a connection of their own; resolves when the server has answered or cut it. */
export const once = (port, bytes, until) =>
  onConnection(
    port,
    until,
    socket =>
      new Promise(resolve => {
        socket.once("data", resolve);
        socket.once("close", resolve);
        void write(socket, bytes);
      }),
  );

/** A ModelInfer call whose message is compressed. */
export const compressedCall = unpacked => ({
  head: grpcHead(INFER_PATH, [["grpc-encoding", "gzip"]]),
  body: framed(gzipSync(unpacked, { level: 9 }), 1),
});

/** One call on a connection of its own; resolves when the stream or the connection has ended. */
export function grpcOnce(port, { head, body }, until) {
  let done;
  const ended = new Promise(resolve => {
    done = resolve;
  });
  const parse = frameParser((type, flags, stream) => {
    if (stream === 1 && (flags & 1 || type === 3)) done();
    if (type === 7) done();
  });
  return onConnection(
    port,
    until,
    socket => {
      socket.once("close", done);
      const begin = [greeting(), frame(SETTINGS, 1, 0), frame(HEADERS, END_HEADERS, 1, head)];
      void write(socket, Buffer.concat([...begin, ...dataFrames(1, body)]));
      return ended;
    },
    parse,
  );
}
