/**
 * Sends one recorded gRPC call and answers what came back, in the records' own form.
 */
import * as grpc from "@grpc/grpc-js";
import { messageType } from "#triton-protos/proto-root.js";

export interface GrpcRecord {
  readonly id: string;
  readonly rpc: string;
  readonly request?: Record<string, unknown>;
  readonly request_base64?: string;
  readonly requests?: readonly Record<string, unknown>[];
  readonly metadata?: readonly (readonly [string, string])[];
  readonly response?: unknown;
  readonly stream?: unknown;
}

const TO_JSON = { longs: String, bytes: String, enums: String } as const;
type MessageName = Parameters<typeof messageType>[0];

const path = (rpc: string): string =>
  rpc === "Health/Check" ? "/grpc.health.v1.Health/Check" : `/inference.GRPCInferenceService/${rpc}`;
const messages = (rpc: string): readonly [MessageName, MessageName] =>
  (rpc === "Health/Check"
    ? ["grpc.health.v1.HealthCheckRequest", "grpc.health.v1.HealthCheckResponse"]
    : rpc === "ModelStreamInfer"
      ? ["inference.ModelInferRequest", "inference.ModelStreamInferResponse"]
      : [`inference.${rpc}Request`, `inference.${rpc}Response`]) as unknown as readonly [MessageName, MessageName];

const encode = (name: MessageName, json: Record<string, unknown>): Buffer => {
  const type = messageType(name);
  return Buffer.from(type.encode(type.fromObject(json)).finish());
};
const decode = (name: MessageName, bytes: Buffer): unknown => {
  const type = messageType(name);
  return type.toObject(type.decode(bytes), {
    ...TO_JSON,
    ...(name === "grpc.health.v1.HealthCheckResponse" && { enums: Number }),
  });
};

function metadataOf(record: GrpcRecord): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [key, value] of record.metadata ?? []) metadata.add(key, value);
  return metadata;
}

/** `{ response: { code, message, body } }` or `{ stream: { messages, code, message } }`. */
export function replayGrpc(client: grpc.Client, record: GrpcRecord): Promise<unknown> {
  const [request, answer] = messages(record.rpc);
  const identity = (bytes: Buffer): Buffer => bytes;
  if (record.requests) {
    return new Promise(resolve => {
      const call = client.makeBidiStreamRequest(path(record.rpc), identity, identity, metadataOf(record));
      const received: unknown[] = [];
      call.on("data", (bytes: Buffer) => received.push(decode(answer, bytes)));
      call.on("error", () => {});
      call.on("status", status =>
        resolve({ messages: received, code: grpc.status[status.code], message: status.details }),
      );
      for (const one of record.requests!) call.write(encode(request, one));
      call.end();
    });
  }
  return new Promise(resolve => {
    client.makeUnaryRequest(
      path(record.rpc),
      identity,
      identity,
      record.request_base64 === undefined
        ? encode(request, record.request ?? {})
        : Buffer.from(record.request_base64, "base64"),
      metadataOf(record),
      (error, bytes) => {
        if (error) resolve({ code: grpc.status[error.code], message: error.details });
        else resolve({ code: "OK", message: "", body: decode(answer, bytes!) });
      },
    );
  });
}
