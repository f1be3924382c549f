/**
 * One gRPC call whose bytes are written by hand: compressed or not, cut off or damaged, and left early.
 */
import { connect } from "node:http2";

export const INFER = "/inference.GRPCInferenceService/ModelInfer";

export interface CallOptions {
  readonly path?: string;
  /** `grpc-encoding` of a message that is marked as compressed. */
  readonly encoding?: "gzip" | "deflate";
  /** `grpc-accept-encoding`. */
  readonly accepts?: string;
  /** The bytes are messages with their prefixes. */
  readonly isFramed?: boolean;
  /** Milliseconds after the message at which the client leaves. */
  readonly leaveAfter?: number;
}

export interface CallResult {
  /** The status; -1 where the call ended without one. */
  readonly code: number;
  readonly message: string;
  /** The first message. */
  readonly body: Buffer;
  readonly messages: number;
}

export function call(port: number, message: Uint8Array, options: CallOptions = {}): Promise<CallResult> {
  const { path = INFER, encoding, accepts, isFramed, leaveAfter } = options;
  return new Promise(resolve => {
    const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 2 ** 30 } });
    session.on("error", () => {});
    session.on("connect", () => session.setLocalWindowSize(2 ** 30));
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...(encoding && { "grpc-encoding": encoding }),
      ...(accepts && { "grpc-accept-encoding": accepts }),
    });
    const chunks: Buffer[] = [];
    let said: Record<string, unknown> = {};
    stream.on("response", headers => {
      if (headers["grpc-status"] !== undefined) said = headers;
    });
    stream.on("trailers", headers => {
      said = headers;
    });
    stream.on("data", chunk => chunks.push(chunk));
    stream.on("error", () => {});
    stream.on("close", () => {
      session.destroy();
      const bytes = Buffer.concat(chunks);
      resolve({
        code: said["grpc-status"] === undefined ? -1 : Number(said["grpc-status"]),
        message: decodeURIComponent(String(said["grpc-message"] ?? "")),
        body: bytes.length < 5 ? Buffer.alloc(0) : bytes.subarray(5, 5 + bytes.readUInt32BE(1)),
        messages: countMessages(bytes),
      });
    });
    const head = Buffer.alloc(5);
    head[0] = encoding ? 1 : 0;
    head.writeUInt32BE(message.length, 1);
    if (!isFramed) stream.write(head);
    stream.end(message);
    if (leaveAfter !== undefined) stream.once("finish", () => setTimeout(() => session.destroy(), leaveAfter));
  });
}

function countMessages(bytes: Buffer): number {
  let count = 0;
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt32BE(at + 1)) count++;
  return count;
}

/** A field of a message: a tag and a length in front. */
export function field(number: number, payload: Uint8Array | string): Buffer {
  const bytes = Buffer.from(payload as Uint8Array);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push((rest % 128) + (rest < 128 ? 0 : 128));
    if (rest < 128) return Buffer.from(bytes);
  }
}

/** A ModelInferRequest for a model with one input. */
export const inferRequest = (model: string, input: readonly Uint8Array[], rest: readonly Uint8Array[] = []): Buffer =>
  Buffer.concat([field(1, model), field(5, Buffer.concat(input)), ...rest]);

/** Fields of an input. */
export const tensor = (datatype: string, shape: readonly number[], name = "INPUT0"): Buffer =>
  Buffer.concat([field(1, name), field(2, datatype), field(3, Buffer.concat(shape.map(varint)))]);
