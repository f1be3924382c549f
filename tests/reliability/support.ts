/**
 * The shared part of this folder's tests: a server, calls over both protocols, and "alive" in the sense of reliability.
 */
import { readFileSync } from "node:fs";
import * as grpc from "@grpc/grpc-js";
import { expect } from "vitest";
import type { Messages } from "#triton-protos/gen/messages.js";
import { decode, encode, type Init } from "#triton-protos/proto-root.js";
import { elapse } from "../run/wait.js";
import { familyOf, WORKERS } from "../run/workers.js";
import { type Options, startServer } from "../runtime/server/support.js";

export interface Answered {
  /** gRPC's number; 0 is well. */
  readonly code: number;
  readonly message: string;
  readonly bytes?: Buffer;
}

export const INFER = "/inference.GRPCInferenceService/ModelInfer";
const same = (bytes: Buffer): Buffer => bytes;

/** A client that sends bytes as they are. */
export function grpcClient(port: number) {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
  });
  /** Sends a request, which may be cancelled: `close` waits for it. */
  const begin = (
    path: string,
    bytes: Uint8Array,
    headers: Readonly<Record<string, string>> = {},
    withinMs?: number,
  ): { readonly answered: Promise<Answered>; cancel(): void } => {
    const { promise: answered, resolve } = Promise.withResolvers<Answered>();
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    const options = withinMs === undefined ? {} : { deadline: Date.now() + withinMs };
    const sent = client.makeUnaryRequest(path, same, same, Buffer.from(bytes), metadata, options, (error, answer) =>
      resolve(
        error
          ? { code: error.code, message: error.details }
          : { code: 0, message: "", ...(answer && { bytes: answer }) },
      ),
    );
    return { answered, cancel: () => sent.cancel() };
  };
  const send = (...request: Parameters<typeof begin>): Promise<Answered> => begin(...request).answered;
  const call = <K extends keyof Messages>(
    name: string,
    request: K,
    message: Init<Messages[K]>,
    headers?: Readonly<Record<string, string>>,
    withinMs?: number,
  ): Promise<Answered> => send(`/inference.GRPCInferenceService/${name}`, encode(request, message), headers, withinMs);
  return {
    client,
    begin,
    send,
    call,
    infer: (message: Init<Messages["inference.ModelInferRequest"]>, withinMs?: number) =>
      call("ModelInfer", "inference.ModelInferRequest", message, {}, withinMs),
    beginInfer: (message: Init<Messages["inference.ModelInferRequest"]>) =>
      begin("/inference.GRPCInferenceService/ModelInfer", encode("inference.ModelInferRequest", message)),
    close: () => client.close(),
  };
}

export type Target = Awaited<ReturnType<typeof startTarget>>;

/** A server with the fixture model `echo_int32`, both protocols at hand. */
export async function startTarget(folder: string, options: Options = {}) {
  const server = await startServer(folder, { workers: WORKERS, ...options });
  if (WORKERS > 1) expect(familyOf(process.pid).length).toBeGreaterThan(WORKERS);
  const rpc = grpcClient(server.ports.grpc!);
  const bytes = new Uint8Array(Int32Array.of(1, 2, 3, 4).buffer);
  return {
    ...server,
    get log() {
      return server.log;
    },
    rpc,
    folder,
    /** Lives, and answers the next good request on both protocols with its own bytes. */
    async alive() {
      const live = await fetch(`${server.http}/v2/health/live`, { signal: AbortSignal.timeout(5000) });
      expect(live.status).toBe(200);
      const good = { name: "INPUT0", shape: [1, 4], datatype: "INT32" };
      const http = await server.post("/v2/models/echo_int32/infer", { inputs: [{ ...good, data: [1, 2, 3, 4] }] });
      expect(http).toMatchObject({ status: 200, body: { outputs: [{ data: [1, 2, 3, 4] }] } });
      const answer = await rpc.infer({ model_name: "echo_int32", inputs: [good], raw_input_contents: [bytes] });
      expect(answer.code).toBe(0);
      const { raw_output_contents } = decode("inference.ModelInferResponse", answer.bytes!);
      expect(new Uint8Array(raw_output_contents[0]!)).toEqual(bytes);
    },
    async stop() {
      rpc.close();
      await server.stop();
    },
  };
}

/** Megabytes; 0 for a process that has ended. */
function residentOf(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** How often: a short form for every run of the tests, and the whole one for `npm run test:reliability`. */
export const counted = (short: number, full: number): number => (process.env.RELIABILITY === "full" ? full : short);
/** For a test that counts so. */
export const PATIENCE_MS = counted(90_000, 1_200_000);

/** Megabytes that stay in this process, and in the workers of its server, after the collector has had a chance. */
export async function residentAfter(work: () => Promise<void>): Promise<number> {
  const settle = async (): Promise<number> => {
    for (let i = 0; i < 3; i++) await elapse(30);
    return familyOf(process.pid).reduce((sum, pid) => sum + residentOf(pid), 0);
  };
  const before = await settle();
  await work();
  return (await settle()) - before;
}
