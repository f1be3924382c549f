/**
 * KServe v2 over gRPC, on node:http2 and the server's own codec for inference; the other calls go through protobufjs.
 */
import type { OutgoingHttpHeaders } from "node:http2";
import type { Messages } from "../../../triton-protos/gen/messages.js";
import { decode, encode } from "../../../triton-protos/proto-root.js";
import type { FramePieces } from "../../wire/grpc/frame-with-raw.js";
import { frame } from "../../wire/grpc/framing.js";
import { type Packing, packed, requestPacking } from "../../wire/grpc/packing.js";
import { Cursor } from "../../wire/grpc/wire.js";
import { ClientError, ProtocolError } from "../client-error.js";
import type { CallSettings, RpcAnswer, Transport } from "../wire-call.js";
import { decodeResponse } from "./decode-response.js";
import { encodeRequest } from "./encode-request.js";
import { placedOutputs } from "./placed-outputs.js";
import { openConnection, type SessionOptions } from "./session.js";
import { streamInfer } from "./stream-infer.js";
import { callUnary } from "./unary.js";

const SERVICE = "/inference.GRPCInferenceService";

export interface GrpcOptions extends SessionOptions {
  readonly compression: "gzip" | "deflate" | undefined;
  readonly userAgent: string;
}

export function grpcTransport(options: GrpcOptions): Transport {
  const connection = openConnection(options);
  const packing: Packing | undefined = requestPacking(options.compression);
  const base: OutgoingHttpHeaders = {
    ":method": "POST",
    ":scheme": options.secure ? "https" : "http",
    ":authority": options.authority,
    te: "trailers",
    "content-type": "application/grpc",
    "user-agent": options.userAgent,
    "grpc-accept-encoding": "identity,deflate,gzip",
    ...(packing && { "grpc-encoding": packing.encoding }),
  };
  const headers = (path: string, { headers: given, timeout }: CallSettings): OutgoingHttpHeaders => ({
    ...base,
    ...given,
    ":path": path,
    ...(timeout !== undefined && { "grpc-timeout": grpcTimeout(timeout) }),
  });
  const framed = (pieces: FramePieces): FramePieces => packed(packing, pieces);

  return {
    protocol: "grpc",
    address: options.authority,
    async infer(request, settings) {
      const { model, id } = request;
      const bytes = await callUnary(
        connection,
        headers(`${SERVICE}/ModelInfer`, settings),
        framed(encodeRequest(request)),
        settings,
        { model, requestId: id || undefined },
      );
      return reading(model, () => decodeResponse(new Cursor(bytes), placedOutputs(request)));
    },
    stream: (requests, settings) =>
      streamInfer(connection, headers(`${SERVICE}/ModelStreamInfer`, settings), requests, framed, settings),
    async call(rpc, request, settings) {
      const message = encode(`inference.${rpc}Request` as keyof Messages, request as never);
      const model =
        (request as { name?: string; model_name?: string }).model_name ?? (request as { name?: string }).name;
      const bytes = await callUnary(
        connection,
        headers(`${SERVICE}/${rpc}`, settings),
        framed([frame(message)]),
        settings,
        { model: model || undefined },
      );
      return reading(model, () => decode(`inference.${rpc}Response` as keyof Messages, bytes)) as RpcAnswer<typeof rpc>;
    },
    close: () => connection.close(),
  };
}

/** Bytes that can't be read are the server's fault. */
function reading<T>(model: string | undefined, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof ClientError) throw cause;
    throw new ProtocolError("INTERNAL", "the response is not a message of KServe's gRPC service", { model, cause });
  }
}

/** At most eight digits; milliseconds for up to a day. */
const grpcTimeout = (milliseconds: number): string => {
  const whole = Math.max(1, Math.ceil(milliseconds));
  return whole < 1e8 ? `${whole}m` : `${Math.min(99_999_999, Math.ceil(whole / 1000))}S`;
};
