/**
 * Mutated HTTP/2 connections: valid calls as frames, with changed payloads, order and headers.
 */
import { connect } from "node:net";
import { mutateBytes } from "./mutate.mjs";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const [DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION] = [0, 1, 3, 4, 6, 7, 8, 9];
/** The server's greeting before the first request; long enough for most responses. */
const PATIENT_MS = 10;

const text = value => {
  const bytes = Buffer.from(value);
  // Lengths of two bytes are for paths that are long.
  const length = bytes.length < 127 ? [bytes.length] : [127, bytes.length - 127];
  return Buffer.concat([Buffer.from(length), bytes]);
};
const field = (name, value, kind) => Buffer.concat([Buffer.from([kind]), text(name), text(value)]);

/** POST over http, and the fields of gRPC: some remembered by the table, some not. */
const block = path =>
  Buffer.concat([
    Buffer.from([0x83, 0x86, 0x04]),
    text(path),
    field("content-type", "application/grpc", 0x40),
    field("te", "trailers", 0),
  ]);

const word = value => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value].map(byte => byte & 255));
const bytesOf = ({ type, flags, stream, payload, length = payload.length }) =>
  Buffer.concat([Buffer.from([length >>> 16, length >>> 8, length, type, flags]), word(stream), payload]);

/** A connection that a good client might have made. */
function goodFrames(seeds, random) {
  const frames = [{ type: SETTINGS, flags: 0, stream: 0, payload: Buffer.alloc(0) }];
  for (let call = 0, calls = 1 + random.below(3); call < calls; call++) {
    const { path, request, encode } = random.pick(seeds);
    const message = encode(request ?? {});
    const stream = 2 * call + 1;
    const head = block(path);
    const cut = random.below(3) === 0 ? random.below(head.length) : head.length;
    frames.push({ type: HEADERS, flags: cut < head.length ? 0 : 4, stream, payload: head.subarray(0, cut) });
    if (cut < head.length) frames.push({ type: CONTINUATION, flags: 4, stream, payload: head.subarray(cut) });
    const prefix = Buffer.concat([Buffer.from([0]), word(message.length)]);
    frames.push({ type: DATA, flags: 1, stream, payload: Buffer.concat([prefix, message]).subarray(0, 2 ** 14) });
    if (random.below(3) === 0)
      frames.push(
        random.pick([
          { type: PING, flags: 0, stream: 0, payload: Buffer.alloc(8) },
          { type: WINDOW, flags: 0, stream, payload: word(random.pick([1, 0, 2 ** 31 - 1])) },
          { type: RST, flags: 0, stream, payload: word(8) },
          {
            type: SETTINGS,
            flags: 0,
            stream: 0,
            payload: Buffer.concat([Buffer.from([0, random.below(8)]), word(random.below(2 ** 32))]),
          },
          { type: GOAWAY, flags: 0, stream: 0, payload: Buffer.alloc(8) },
        ]),
      );
  }
  return frames;
}

/** @param seeds of `grpcSeeds` @returns the bytes of a whole connection */
export function mutatedConnection(seeds, random) {
  const frames = goodFrames(seeds, random);
  for (let n = random.below(4); n > 0; n--) {
    const at = random.below(frames.length);
    const one = { ...frames[at] };
    const change = random.below(9);
    if (change < 3) one.payload = mutateBytes(one.payload, random);
    else if (change === 3) one.type = random.below(12);
    else if (change === 4) one.flags = random.below(256);
    else if (change === 5) one.stream = random.pick([0, 1, 2, 3, 5, 2 ** 31 - 1, 2 ** 31]);
    else if (change === 6) one.length = random.pick([0, 4, 5, 6, 8, 2 ** 14, 2 ** 14 + 1, 2 ** 24 - 1]);
    if (change < 7) frames[at] = one;
    else if (change === 7) frames.splice(at, 1);
    else frames.splice(random.below(frames.length), 0, one);
    if (frames.length === 0) break;
  }
  const bytes = Buffer.concat([PREFACE, ...frames.map(bytesOf)]);
  return random.below(10) === 0 ? mutateBytes(bytes, random) : bytes;
}

/** The last thing that the server said: the end of an answer, or the code it ended a stream or the connection with. */
function lastSaid(bytes) {
  let said = "nothing";
  for (let at = 0; at + 9 <= bytes.length; ) {
    const [length, type, flags] = [bytes.readUIntBE(at, 3), bytes[at + 3], bytes[at + 4]];
    const payload = bytes.subarray(at + 9, at + 9 + length);
    if (type === GOAWAY && length >= 8) said = `goaway ${payload.readUInt32BE(4)}`;
    else if (type === RST && length === 4) said = `reset ${payload.readUInt32BE(0)}`;
    else if (type === HEADERS && flags & 1) said = "answered";
    at += 9 + length;
  }
  return said;
}

/** Sends one connection's bytes; settles when the server has ended it, be it because we have. */
export const sendConnection = (port, bytes, patience) =>
  new Promise((resolve, reject) => {
    const chunks = [];
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(bytes);
      setTimeout(() => socket.end(), PATIENT_MS);
    });
    const late = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the connection did not end in ${patience} ms: ${bytes.toString("hex").slice(0, 2000)}`));
    }, patience);
    socket.on("data", chunk => chunks.push(chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(late);
      resolve(lastSaid(Buffer.concat(chunks)));
    });
  });
