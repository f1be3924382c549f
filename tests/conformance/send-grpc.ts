/**
 * Sends one recorded gRPC call and returns the response, in the records' own form.
 */
import { setTimeout as sleep } from "node:timers/promises";
import * as grpc from "@grpc/grpc-js";
import { messageType } from "#triton-protos/proto-root.js";
import type { GrpcAnswer, GrpcRecord } from "./records.js";

type MessageName = Parameters<typeof messageType>[0];
const PATIENCE_MS = 30_000;

const path = (rpc: string): string => {
  if (rpc.startsWith("/")) return rpc;
  return rpc === "Health/Check" ? "/grpc.health.v1.Health/Check" : `/inference.GRPCInferenceService/${rpc}`;
};
const messages = (rpc: string): readonly [MessageName, MessageName] => {
  if (rpc === "Health/Check") return ["grpc.health.v1.HealthCheckRequest", "grpc.health.v1.HealthCheckResponse"];
  if (rpc.startsWith("/")) return ["inference.ServerLiveRequest", "inference.ServerLiveResponse"];
  if (rpc === "ModelStreamInfer") return ["inference.ModelInferRequest", "inference.ModelStreamInferResponse"];
  return [`inference.${rpc}Request` as MessageName, `inference.${rpc}Response` as MessageName];
};

const encode = (name: MessageName, json: Record<string, unknown>): Buffer => {
  const type = messageType(name);
  return Buffer.from(type.encode(type.fromObject(json)).finish());
};
const decode = (name: MessageName, bytes: Buffer): unknown => {
  const type = messageType(name);
  const enums = name === "grpc.health.v1.HealthCheckResponse" ? Number : String;
  return type.toObject(type.decode(bytes), { longs: String, bytes: String, enums });
};
const raw = (bytes: Buffer): Buffer => bytes;

function metadataOf(record: GrpcRecord): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [key, value] of record.metadata ?? []) metadata.add(key, value);
  return metadata;
}

/** A channel without limits on the size of messages, as the official clients open it. */
export const grpcClient = (address: string): grpc.Client =>
  new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });

export const sendGrpc = (client: grpc.Client, record: GrpcRecord): Promise<GrpcAnswer> =>
  record.requests ? sendStream(client, record, record.requests) : sendUnary(client, record);

function sendUnary(client: grpc.Client, record: GrpcRecord): Promise<GrpcAnswer> {
  const [request, answer] = messages(record.rpc);
  const bytes =
    record.request_base64 === undefined
      ? encode(request, record.request ?? {})
      : Buffer.from(record.request_base64, "base64");
  return new Promise(resolve => {
    const call = client.makeUnaryRequest(
      path(record.rpc),
      raw,
      raw,
      bytes,
      metadataOf(record),
      { deadline: Date.now() + (record.deadline_ms ?? PATIENCE_MS) },
      (error, body) => {
        if (error) resolve({ code: grpc.status[error.code], message: error.details });
        else resolve({ code: "OK", message: "", body: decode(answer, body!) });
      },
    );
    if (record.cancel_after_ms !== undefined) setTimeout(() => call.cancel(), record.cancel_after_ms);
  });
}

function sendStream(
  client: grpc.Client,
  record: GrpcRecord,
  requests: readonly Record<string, unknown>[],
): Promise<GrpcAnswer> {
  const [request, answer] = messages(record.rpc);
  return new Promise(resolve => {
    const received: unknown[] = [];
    let ended = false;
    const call = client.makeBidiStreamRequest(path(record.rpc), raw, raw, metadataOf(record), {
      deadline: Date.now() + (record.deadline_ms ?? PATIENCE_MS),
    });
    call.on("data", (bytes: Buffer) => {
      if (received.length === record.cancel_after_messages) return;
      received.push(decode(answer, bytes));
      if (received.length === record.cancel_after_messages) call.cancel();
    });
    call.on("error", () => {});
    call.on("status", status => {
      ended = true;
      resolve({ messages: received, code: grpc.status[status.code], message: status.details });
    });
    void (async () => {
      for (const [i, one] of requests.entries()) {
        if (i > 0 && record.gap_ms) await sleep(record.gap_ms);
        if (ended) return;
        call.write(encode(request, one));
      }
      if (record.half_close_after_ms) await sleep(record.half_close_after_ms);
      if (!ended) call.end();
    })();
  });
}
