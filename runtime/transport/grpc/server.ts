/**
 * The gRPC endpoint on node:http2: server calls and data plane → a listening server.
 */
import {
  constants,
  createSecureServer,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { Cancellable, type Cancellation } from "../../cancellation.js";
import { ConnectionCut, cutHere } from "../../connection-cut.js";
import { deliver } from "../../data-plane/deliver.js";
import { infer, isDecoupled } from "../../data-plane/infer.js";
import { RuntimeFault, STATUS } from "../../errors.js";
import type { LogSettings } from "../../log-settings.js";
import type { ServerCalls } from "../../server-calls.js";
import type { ServerLog } from "../../server-log.js";
import type { TraceNotes } from "../../tracing/trace.js";
import { withHeaders } from "../header-forwarding.js";
import { type ListenAt, type Listener, listen } from "../listen.js";
import type { Restriction } from "../restriction.js";
import { type UnaryCall, unaryCalls } from "./calls.js";
import { type ConnectionCare, careFor } from "./connection-care.js";
import { decodeRequest } from "./decode-request.js";
import { encodeResponse, type FramePieces } from "./encode-response.js";
import { type Frame, frame, frameReader, unpack } from "./framing.js";
import { serveInferStream } from "./infer-stream.js";
import { type CompressionLevel, choosePacking, type Packing } from "./packing.js";
import { apiOf } from "./restricted-calls.js";
import { answerOk, armDeadline, cutOff, endWithStatus } from "./status.js";
import { type GrpcTls, secureOptions } from "./tls.js";
import { type Forward, toRequest } from "./to-request.js";

const INFER = "/inference.GRPCInferenceService/ModelInfer";
const STREAM_INFER = "/inference.GRPCInferenceService/ModelStreamInfer";

/** Bounds of one connection: what a client may hold open or make us buffer. */
const SETTINGS = {
  maxConcurrentStreams: 1024,
  initialWindowSize: 2 ** 22,
  maxHeaderListSize: 2 ** 14,
  enablePush: false,
} as const;
const CONNECTION_WINDOW = 2 ** 25;
/** Set here and not left to Node, whose defaults change: a connection that goes over one of them ends. */
const LIMITS = {
  settings: SETTINGS,
  maxSessionMemory: 256,
  maxHeaderListPairs: 128,
  maxOutstandingPings: 10,
  maxSettings: 32,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  unknownProtocolTimeout: 10_000,
} as const;
const MAX_CONNECTIONS = 8192;

export interface GrpcContext {
  readonly calls: ServerCalls;
  readonly logSettings: LogSettings;
  readonly log: ServerLog;
  readonly restriction: Restriction;
  readonly headerForwardPattern: RegExp | undefined;
  readonly tls?: GrpcTls | undefined;
  readonly care: ConnectionCare;
  readonly compression: CompressionLevel;
}

export async function serveGrpc(options: ListenAt, context: GrpcContext): Promise<Listener> {
  const { calls, logSettings, log, tls, care } = context;
  const table = new Map([...unaryCalls(calls, logSettings)].map(([path, call]) => [path, framedCall(call)]));
  const server = tls ? createSecureServer({ ...LIMITS, ...(await secureOptions(tls)) }) : createServer(LIMITS);
  server.maxConnections = MAX_CONNECTIONS;
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", session => {
    sessions.add(session);
    session.setLocalWindowSize(CONNECTION_WINDOW);
    careFor(session, care);
    session.on("error", error => log.verbose("grpc_server", `connection: ${error.message}`));
    session.on("close", () => sessions.delete(session));
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", error => log.verbose("grpc_server", `stream: ${error.message}`));
    accept(stream, headers, table, context);
  });
  server.on("tlsClientError", error => log.verbose("grpc_server", `handshake: ${error.message}`));
  server.on("sessionError", error => log.verbose("grpc_server", `connection: ${error.message}`));
  return listen(server, options, async patience => {
    const ended = Promise.all([...sessions].map(session => new Promise<void>(done => session.once("close", done))));
    for (const session of sessions) session.close();
    const timer = setTimeout(() => {
      for (const session of sessions) session.destroy();
    }, patience);
    await ended;
    clearTimeout(timer);
  });
}

function accept(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  table: ReadonlyMap<string, FramedCall>,
  { calls, log, restriction, headerForwardPattern, compression }: GrpcContext,
): void {
  if (headers[":method"] !== "POST" || !headers["content-type"]?.startsWith("application/grpc")) {
    stream.respond({ ":status": headers[":method"] === "POST" ? 415 : 405 }, { endStream: true });
    return;
  }
  const path = headers[":path"] ?? "";
  const arrived = calls.sample ? performance.now() * 1e6 : 0;
  const abort = new Cancellable();
  stream.on("close", () => abort.abort());
  armDeadline(stream, headers["grpc-timeout"], abort);
  const missing = restriction(apiOf(path), name => headers[name]?.toString());
  if (missing !== undefined) {
    endWithStatus(stream, STATUS.UNAVAILABLE.grpc, `This protocol is restricted, expecting header '${missing}'`);
    stream.resume();
    return;
  }
  const forward: Forward = parameters => withHeaders(parameters, () => pairs(headers), headerForwardPattern);
  const encoding = String(headers["grpc-encoding"] ?? "identity");
  const infers = path === INFER || path === STREAM_INFER;
  const packing = infers ? choosePacking(compression, headers["grpc-accept-encoding"]) : undefined;
  if (path === STREAM_INFER) {
    serveInferStream(stream, calls, encoding, {
      strict: headers.triton_grpc_error === "true",
      forward,
      signal: abort,
      packing,
    });
    return;
  }
  const traced: Traced = trace => {
    trace.stamp("GRPC_WAITREAD_START", arrived);
    trace.stamp("GRPC_WAITREAD_END");
    stream.once("close", () => {
      trace.stamp("GRPC_SEND_END");
      trace.end();
    });
  };
  const call =
    path === INFER ? inferCall(calls, forward, abort, headers.traceparent?.toString(), traced) : table.get(path);
  if (!call) {
    endWithStatus(stream, STATUS.UNSUPPORTED.grpc, "");
    stream.resume();
    return;
  }
  serveUnary(stream, encoding, call, log, packing);
}

const pairs = (headers: IncomingHttpHeaders): [string, string][] =>
  Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));

/** Hears of a request that is traced. */
type Traced = (trace: TraceNotes) => void;

/** Request bytes → the frame of the answer. @throws RuntimeFault */
type FramedCall = (bytes: Buffer) => Promise<FramePieces>;

const inferCall =
  (
    calls: ServerCalls,
    forward: Forward,
    signal: Cancellation,
    traceparent: string | undefined,
    traced: Traced,
  ): FramedCall =>
  async bytes => {
    const wire = decodeRequest(bytes);
    const version = calls.find(wire.model, wire.version);
    if (isDecoupled(version))
      throw new RuntimeFault("UNSUPPORTED", "ModelInfer RPC doesn't support models with decoupled transaction policy");
    const trace = calls.sample?.(version.model, traceparent);
    if (trace) traced(trace);
    try {
      const read = toRequest(wire, calls.memory, forward, signal);
      const request = trace ? { ...read, trace } : read;
      const response = deliver(await infer(version, request), request, version, calls.labels);
      const answer = encodeResponse(response);
      cutHere(response.cut, answer);
      trace?.stamp("GRPC_SEND_START");
      return answer;
    } catch (error) {
      trace?.fail((error as Error).message);
      throw error;
    }
  };

const framedCall =
  (call: UnaryCall): FramedCall =>
  async bytes => [frame(await call(bytes))];

function serveUnary(
  stream: ServerHttp2Stream,
  encoding: string,
  call: FramedCall,
  log: ServerLog,
  packing?: Packing,
): void {
  let request: Frame | undefined;
  const fail = (error: unknown): void => {
    const fault = RuntimeFault.from(error);
    if (!(error instanceof RuntimeFault))
      log.error("grpc_server", `${fault.message}: ${String((error as Error)?.stack ?? error)}`);
    if (fault instanceof ConnectionCut) cutOff(stream, fault);
    else endWithStatus(stream, STATUS[fault.code].grpc, fault.message);
  };
  const answer = (pieces: FramePieces): void => {
    answerOk(stream, pieces, packing);
  };
  const read = frameReader(found => {
    request ??= found;
  });
  stream.on("data", (chunk: Buffer) => {
    try {
      read(chunk);
    } catch (error) {
      fail(error);
      stream.close(constants.NGHTTP2_NO_ERROR);
    }
  });
  stream.on("end", () => {
    if (!request) return fail(new RuntimeFault("INTERNAL", "the call carried no message"));
    (request.compressed ? unpack(request, encoding).then(call) : call(request.bytes)).then(answer).catch(fail);
  });
}
