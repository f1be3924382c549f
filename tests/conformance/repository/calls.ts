/**
 * One HTTP or gRPC call to a server under test → the answer in the records' form, with folders masked.
 */
import * as grpc from "@grpc/grpc-js";
import { messageType } from "#triton-protos/proto-root.js";

export type Mask = (text: string) => string;
type MessageName = Parameters<typeof messageType>[0];

export async function httpCall(port: number, method: string, path: string, body: unknown, mask: Mask) {
  const payload = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      ...(payload !== undefined && { body: payload }),
    });
    const text = mask(await response.text());
    if (!text) return { status: response.status };
    try {
      return { status: response.status, body: JSON.parse(text) as unknown };
    } catch {
      return { status: response.status, text };
    }
  } catch {
    return { status: "connection refused" };
  }
}

export function grpcCall(port: number, rpc: string, request: Record<string, unknown>, mask: Mask) {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  const [question, answer] = [`inference.${rpc}Request`, `inference.${rpc}Response`].map(name =>
    messageType(name as MessageName),
  );
  const bytes = Buffer.from(question!.encode(question!.fromObject(request)).finish());
  return new Promise<unknown>(resolve => {
    client.makeUnaryRequest(
      `/inference.GRPCInferenceService/${rpc}`,
      (value: Buffer) => value,
      (value: Buffer) => value,
      bytes,
      (error, value) => {
        client.close();
        if (error) resolve({ code: grpc.status[error.code], message: mask(error.details) });
        else
          resolve({
            code: "OK",
            response: JSON.parse(
              mask(
                JSON.stringify(
                  answer!.toObject(answer!.decode(value!), { longs: String, bytes: String, enums: String }),
                ),
              ),
            ) as unknown,
          });
      },
    );
  });
}
