/**
 * HTTP/1.1 by hand: a client of one kept connection that costs little CPU and can leave in every way.
 */
import { connect } from "node:net";

const HEAD_END = Buffer.from("\r\n\r\n");

export const request = (method, path, headers, body = Buffer.alloc(0)) =>
  Buffer.concat([
    Buffer.from(
      `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${Object.entries(headers)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join("")}Content-Length: ${body.length}\r\n\r\n`,
      "latin1",
    ),
    body,
  ]);

/** One connection, one request at a time. `send(bytes)` resolves with `{ status, head, body }`; status 0 when the connection was cut. */
export function httpConnection(port) {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let waiting;
  let closed = false;
  const settle = answer => {
    const resolve = waiting;
    waiting = undefined;
    resolve?.(answer);
  };
  /** Bytes that the answer begun needs; large answers are put together once. */
  let needed = 0;
  let [chunks, size] = [[], 0];
  socket.on("data", chunk => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < needed) return;
    const bytes = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    chunks = [bytes];
    const end = bytes.indexOf(HEAD_END);
    if (end === -1) return;
    const head = bytes.latin1Slice(0, end);
    needed = end + 4 + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    if (size < needed) return;
    const body = bytes.subarray(end + 4, needed);
    const rest = bytes.subarray(needed);
    [chunks, size, needed] = [rest.length > 0 ? [rest] : [], rest.length, 0];
    settle({ status: Number(head.slice(9, 12)), head, body });
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    closed = true;
    settle({ status: 0, head: "", body: Buffer.alloc(0) });
  });
  return {
    socket,
    get usable() {
      return !closed && !socket.destroyed;
    },
    send: bytes =>
      new Promise(resolve => {
        if (closed) return resolve({ status: 0, head: "", body: Buffer.alloc(0) });
        waiting = resolve;
        socket.write(bytes);
      }),
    destroy: (reset = false) => (reset ? socket.resetAndDestroy() : socket.destroy()),
  };
}
