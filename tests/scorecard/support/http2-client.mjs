/**
 * HTTP/2 by hand: frames as bytes, and a gRPC client of one connection that costs little CPU and can leave in every way.
 */
import { connect } from "node:net";
import { HpackDecoder } from "../../../dist/runtime/server/transport/http2/hpack-decode.js";
import { encodeFields } from "../../../dist/runtime/server/transport/http2/hpack-encode.js";

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
export const [DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION] = Array(10).keys();
export const [END_STREAM, END_HEADERS] = [1, 4];
const MAX_FRAME = 16_384;
const LIMITS = { bytes: 2 ** 20, fields: 1000 };
/** How many received bytes of a connection are granted again at once. */
const GRANT = 2 ** 22;

export function frame(type, flags, stream, payload = Buffer.alloc(0)) {
  const head = Buffer.allocUnsafe(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return payload.length === 0 ? head : Buffer.concat([head, payload]);
}

export const word = value => {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

export const setting = (name, value) => Buffer.concat([Buffer.from([0, name]), word(value)]);

/** The header fields of a gRPC call. */
export const grpcHead = (path, extra = []) =>
  encodeFields([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "127.0.0.1"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...extra,
  ]);

export function framed(message, flag = 0) {
  const head = Buffer.allocUnsafe(5);
  head[0] = flag;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** A body as DATA frames; the last one ends the stream. */
export function dataFrames(stream, body, size = MAX_FRAME) {
  if (body.length <= size) return [frame(DATA, END_STREAM, stream, body)];
  const frames = [];
  for (let at = 0; at < body.length; at += size)
    frames.push(frame(DATA, at + size >= body.length ? END_STREAM : 0, stream, body.subarray(at, at + size)));
  return frames;
}

/** Preface and settings of a client that takes answers of any size. */
export const greeting = (window = 2 ** 31 - 1) =>
  Buffer.concat([
    PREFACE,
    frame(SETTINGS, 0, 0, setting(4, window)),
    ...(window > 65_535 ? [frame(WINDOW, 0, 0, word(2 ** 30))] : []),
  ]);

/** Splits a byte stream into frames: `onFrame(type, flags, stream, payload)`. */
export function frameParser(onFrame) {
  let rest = Buffer.alloc(0);
  return chunk => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + 9 <= rest.length) {
      const end = at + 9 + rest.readUIntBE(at, 3);
      if (end > rest.length) break;
      onFrame(rest[at + 3], rest[at + 4], rest.readUInt32BE(at + 5) & 0x7fffffff, rest.subarray(at + 9, end));
      at = end;
    }
    rest = rest.subarray(at);
  };
}

const statuses = new Map();
/** gRPC's status in a header block of a server whose encoder keeps no table; -1 for none. */
function statusOf(block) {
  const key = block.toString("latin1");
  let status = statuses.get(key);
  if (status === undefined) {
    const found = new HpackDecoder().decode(block, LIMITS).find(([name]) => name === "grpc-status");
    status = found ? Number(found[1]) : -1;
    if (statuses.size > 1000) statuses.clear();
    statuses.set(key, status);
  }
  return status;
}

/**
 * One connection. `call(head, body)` → `{ stream, done, cancel }`, where `done` resolves with `{ status, body }`: gRPC's status, or -1 when the
 * stream or the connection was cut.
 */
export function grpcConnection(port) {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const calls = new Map();
  let next = 1;
  let received = 0;
  let closed = false;
  const settle = (id, status) => {
    const call = calls.get(id);
    if (!call) return;
    calls.delete(id);
    call.resolve({ status, body: call.chunks.length === 1 ? call.chunks[0] : Buffer.concat(call.chunks) });
  };
  const parse = frameParser((type, flags, id, payload) => {
    const call = calls.get(id);
    if (type === DATA) {
      received += payload.length;
      if (payload.length > 0) call?.chunks.push(Buffer.from(payload));
      if (received >= GRANT) {
        socket.write(frame(WINDOW, 0, 0, word(received)));
        received = 0;
      }
    } else if (type === HEADERS && call) call.status = statusOf(payload);
    else if (type === RST) settle(id, -1);
    else if (type === SETTINGS && !(flags & 1)) socket.write(frame(SETTINGS, 1, 0));
    else if (type === PING && !(flags & 1)) socket.write(frame(PING, 1, 0, Buffer.from(payload)));
    if ((type === DATA || type === HEADERS) && flags & END_STREAM) settle(id, call?.status ?? -1);
  });
  socket.write(greeting());
  socket.on("data", parse);
  socket.on("error", () => {});
  socket.on("close", () => {
    closed = true;
    for (const id of [...calls.keys()]) settle(id, -1);
  });
  return {
    socket,
    get usable() {
      return !closed && !socket.destroyed && next < 2 ** 30;
    },
    call(head, body) {
      const id = next;
      next += 2;
      const done = new Promise(resolve => calls.set(id, { resolve, chunks: [], status: -1 }));
      if (closed) settle(id, -1);
      else socket.write(Buffer.concat([frame(HEADERS, END_HEADERS, id, head), ...dataFrames(id, body)]));
      return {
        stream: id,
        done,
        cancel() {
          if (!calls.has(id)) return;
          socket.write(frame(RST, 0, id, word(8)));
          settle(id, -1);
        },
      };
    },
    /** Ends the connection as a process that dies does, or with a reset of TCP. */
    destroy: (reset = false) => (reset ? socket.resetAndDestroy() : socket.destroy()),
  };
}
