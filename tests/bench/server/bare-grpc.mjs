/**
 * The bound of a gRPC server in Node: sockets of node:net and frames of a fixed form. The last 64 bytes of a request follow the fixed front of its
 * response, as the output of an identity model does. Windows of the client are not looked at. Prints its port.
 */
import { createServer } from "node:net";

const [DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE] = [0, 1, 4, 6, 8];
const [ACK, END_STREAM, END_HEADERS] = [1, 1, 4];
const PREFACE = 24;
const TENSOR = 64;
/** Bytes read after which the connection's window is opened again. */
const WINDOW = 2 ** 15;

function frame(type, flags, stream, payload) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const text = string => Buffer.concat([Buffer.of(string.length), Buffer.from(string)]);
const field = (number, bytes) => Buffer.concat([Buffer.of(number * 8 + 2, bytes.length), bytes]);
const word = (number, string) => field(number, Buffer.from(string));
const OUTPUT = Buffer.concat([word(1, "OUTPUT0"), word(2, "FP32"), field(3, Buffer.of(1, TENSOR / 4))]);
const FRONT = Buffer.concat([word(1, "ident"), word(2, "1"), field(5, OUTPUT), Buffer.of(6 * 8 + 2, TENSOR)]);
const PREFIX = Buffer.of(0, 0, 0, 0, FRONT.length + TENSOR);
/** `:status: 200` is in HPACK's static table, as is the name of the content type. */
const HEAD = Buffer.concat([Buffer.of(0x88, 0x0f, 0x10), text("application/grpc")]);
const TRAILERS = Buffer.concat([Buffer.of(0), text("grpc-status"), text("0")]);

/** A response with a tensor of zeros, and the places where its stream's id and the tensor are. */
const BEFORE = [
  frame(HEADERS, END_HEADERS, 0, HEAD),
  frame(DATA, 0, 0, Buffer.concat([PREFIX, FRONT, Buffer.alloc(TENSOR)])),
];
const RESPONSE = Buffer.concat([...BEFORE, frame(HEADERS, END_STREAM | END_HEADERS, 0, TRAILERS)]);
const DATA_AT = BEFORE[0].length;
const TRAILERS_AT = DATA_AT + BEFORE[1].length;

function respond(socket, stream, payload) {
  const response = Buffer.from(RESPONSE);
  for (const at of [0, DATA_AT, TRAILERS_AT]) response.writeUInt32BE(stream, at + 5);
  payload.copy(response, TRAILERS_AT - TENSOR, payload.length - TENSOR);
  socket.write(response);
}

const server = createServer({ noDelay: true }, socket => {
  let [waiting, skipped, read] = [Buffer.alloc(0), false, 0];
  socket.on("error", () => {});
  socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
  socket.on("data", chunk => {
    const bytes = waiting.length > 0 ? Buffer.concat([waiting, chunk]) : chunk;
    let at = 0;
    if (!skipped && bytes.length >= PREFACE) [skipped, at] = [true, PREFACE];
    while (skipped && bytes.length - at >= 9) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const [type, flags, payload] = [bytes[at + 3], bytes[at + 4], bytes.subarray(at + 9, end)];
      if (type === DATA) {
        read += payload.length;
        if (flags & END_STREAM) respond(socket, bytes.readUInt32BE(at + 5), payload);
      } else if ((type === SETTINGS || type === PING) && !(flags & ACK))
        socket.write(frame(type, ACK, 0, type === PING ? payload : Buffer.alloc(0)));
      at = end;
    }
    waiting = Buffer.from(bytes.subarray(at));
    if (read < WINDOW) return;
    const more = Buffer.alloc(4);
    more.writeUInt32BE(read);
    socket.write(frame(WINDOW_UPDATE, 0, 0, more));
    read = 0;
  });
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
