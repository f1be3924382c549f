/**
 * gRPC requests by genome: fields of the message, compression, DATA frames, header blocks and control frames of one connection.
 */
import { deflateSync, gzipSync } from "node:zlib";
import {
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  framed,
  greeting,
  grpcHead,
  HEADERS,
  PING,
  PRIORITY,
  RST,
  SETTINGS,
  setting,
  WINDOW,
  word,
} from "../../scorecard/support/http2-client.mjs";
import { field, grpcEcho, varint } from "../../scorecard/support/messages.mjs";
import { BOUNDS, choice, several, size } from "./genes.mjs";

/** A flaw that grows faster than its input shows at this size, and smaller requests are more in an hour. */
const MAX_UNPACKED = 2 ** 20;
const SERVICE = "/inference.GRPCInferenceService/";

const SEGMENT = {
  field: choice(0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 15, 100, 536_870_911),
  wire: choice(0, 1, 2, 2, 2, 2, 3, 4, 5),
  content: choice("empty", "zeros", "text", "varints", "input", "deep", "map", "invalid"),
  size: size(0, 4000),
  count: size(1, 50_000),
};

export const GENES = {
  // biome-ignore format: one list
  rpc: choice("ModelInfer", "ModelInfer", "ModelInfer", "ModelStreamInfer", "RepositoryIndex", "RepositoryModelLoad", "ModelConfig",
    "ModelStatistics", "TraceSetting", "LogSettings", "ServerLive", "Unknown"),
  base: choice("good", "none"),
  segments: several(4, SEGMENT),
  inner: several(2, SEGMENT),
  compression: choice("none", "none", "none", "gzip", "deflate"),
  messages: size(1, 200),
  frameSize: size(1, 16_384),
  emptyFrames: size(0, 300),
  padding: choice(0, 0, 0, 255),
  headers: size(0, 140),
  headerLength: size(0, 2000),
  headerForm: choice("literal", "stored", "binary"),
  entry: size(0, 3900),
  references: size(0, 60_000),
  tableUpdates: size(0, 500),
  continuations: size(1, 300),
  control: choice("none", "ping", "settings", "window", "priority", "unknown"),
  controls: size(0, 2000),
  end: choice("end", "end", "reset", "open"),
  pieces: size(1, 300),
};

function contentOf({ content, size: length }, inner) {
  if (content === "empty") return Buffer.alloc(0);
  if (content === "zeros") return Buffer.alloc(length);
  if (content === "text") return Buffer.alloc(length, "a");
  if (content === "varints") return Buffer.alloc(length, Buffer.from([0xff, 0x01]));
  if (content === "invalid") return Buffer.alloc(length, 0xff);
  if (content === "input")
    return Buffer.concat([field(1, "a".repeat(length % 200)), field(2, "INT32"), field(3, varint(4)), inner]);
  if (content === "map") return Buffer.concat([field(1, "k".repeat(length % 100)), field(2, inner)]);
  let deep = inner;
  for (let i = 0; i < Math.min(length, 300); i++) deep = field(5, deep);
  return deep;
}

function segmentBytes(segment, inner) {
  if (segment.size * segment.count > MAX_UNPACKED || inner.length * segment.count > MAX_UNPACKED) return undefined;
  const tag = varint((BigInt(segment.field) << 3n) | BigInt(segment.wire));
  const one = {
    0: () => Buffer.concat([tag, varint(2n ** 63n)]),
    1: () => Buffer.concat([tag, Buffer.alloc(8)]),
    2: () => {
      const content = contentOf(segment, inner);
      return Buffer.concat([tag, varint(content.length), content]);
    },
    3: () => tag,
    4: () => tag,
    5: () => Buffer.concat([tag, Buffer.alloc(4)]),
  }[segment.wire]();
  return one.length * segment.count > MAX_UNPACKED ? undefined : Buffer.alloc(one.length * segment.count, one);
}

const joined = buffers => (buffers.some(bytes => !bytes) ? undefined : Buffer.concat(buffers));

function messageOf({ base, segments, inner }) {
  const within = joined(inner.map(segment => segmentBytes(segment, Buffer.alloc(0))));
  if (!within || within.length > 2 ** 16) return undefined;
  const outer = joined(segments.map(segment => segmentBytes(segment, within)));
  if (!outer || outer.length > MAX_UNPACKED) return undefined;
  return base === "good" ? Buffer.concat([grpcEcho([1, 2, 3, 4]).subarray(5), outer]) : outer;
}

/** A literal of HPACK, stored in the table or not. */
const literal = (form, name, value) => {
  const length = bytes =>
    bytes.length < 127 ? Buffer.from([bytes.length]) : Buffer.concat([Buffer.from([127]), varint(bytes.length - 127)]);
  const [key, content] = [Buffer.from(name), Buffer.from(value)];
  return Buffer.concat([Buffer.from([form]), length(key), key, length(content), content]);
};

function headBlock(genome) {
  const { rpc, headers, headerLength, headerForm, entry, references, tableUpdates, compression } = genome;
  const form = headerForm === "stored" ? 0x40 : 0;
  const suffix = headerForm === "binary" ? "-bin" : "";
  return Buffer.concat([
    Buffer.alloc(tableUpdates, 0x20),
    ...(tableUpdates > 0 ? [Buffer.from([0x3f, 0xe1, 0x1f])] : []),
    grpcHead(SERVICE + rpc, compression === "none" ? [] : [["grpc-encoding", compression]]),
    ...Array.from({ length: headers }, (_, i) => literal(form, `x${i}${suffix}`, "A".repeat(headerLength))),
    ...(references > 0 ? [literal(0x40, "r", "v".repeat(entry)), Buffer.alloc(references, 0xbe)] : []),
  ]);
}

function headFrames(block, continuations) {
  const step = Math.min(16_384, Math.max(1, Math.ceil(block.length / continuations)));
  const frames = [];
  for (let at = 0; at < block.length; at += step) {
    const flags = at + step >= block.length ? END_HEADERS : 0;
    frames.push(frame(at === 0 ? HEADERS : CONTINUATION, flags, 1, block.subarray(at, at + step)));
  }
  return frames;
}

const CONTROL = {
  none: () => Buffer.alloc(0),
  ping: () => frame(PING, 0, 0, Buffer.alloc(8)),
  settings: i => frame(SETTINGS, 0, 0, setting(4, 65_535 + i)),
  window: () => frame(WINDOW, 0, 0, word(1)),
  priority: () => frame(PRIORITY, 0, 1, Buffer.alloc(5, 1)),
  unknown: () => frame(99, 0, 1, Buffer.alloc(3)),
};

/** @returns `{ writes, wire, charged, requests }`, as for HTTP; undefined for a request beyond the bounds */
export function build(genome, bounds = BOUNDS) {
  const message = messageOf(genome);
  if (!message) return undefined;
  const { compression, messages, frameSize, emptyFrames, padding, end, pieces } = genome;
  if ((message.length + 5) * messages > bounds.unpacked) return undefined;
  const packed =
    compression === "none"
      ? message
      : compression === "gzip"
        ? gzipSync(message, { level: 6 })
        : deflateSync(message, { level: 6 });
  const one = framed(packed, compression === "none" ? 0 : 1);
  const body = Buffer.alloc(one.length * messages, one);
  if (body.length > bounds.wire || body.length / frameSize > 20_000) return undefined;
  const block = headBlock(genome);
  const frames = [greeting(), frame(SETTINGS, 1, 0), ...headFrames(block, genome.continuations)];
  for (let i = 0; i < (genome.control === "none" ? 0 : genome.controls); i++) frames.push(CONTROL[genome.control](i));
  for (let i = 0; i < emptyFrames; i++) frames.push(frame(DATA, 0, 1));
  for (let at = 0; at < body.length; at += frameSize) {
    const part = body.subarray(at, at + frameSize);
    const last = at + frameSize >= body.length && end === "end" ? END_STREAM : 0;
    frames.push(
      padding > 0 && part.length + padding < 16_384
        ? frame(DATA, last | 8, 1, Buffer.concat([Buffer.from([padding]), part, Buffer.alloc(padding)]))
        : frame(DATA, last, 1, part),
    );
  }
  if (end === "reset") frames.push(frame(RST, 0, 1, word(8)));
  const bytes = Buffer.concat(frames);
  if (bytes.length > bounds.wire) return undefined;
  const writes = [];
  const step = Math.max(1, Math.ceil(bytes.length / pieces));
  for (let at = 0; at < bytes.length; at += step) writes.push(bytes.subarray(at, at + step));
  const unpacked = Math.max(0, message.length - packed.length) * messages;
  const requests = genome.rpc === "ModelStreamInfer" ? Math.max(1, messages) : 1;
  return { writes, wire: bytes.length, charged: bytes.length + unpacked, requests };
}

export const cell = ({
  rpc,
  segments: [{ field: number, wire, content }],
  compression,
  references,
  control,
  controls,
}) => [rpc, number, wire === 2 && content, compression, references > 100, controls > 100 && control].join(" ");
