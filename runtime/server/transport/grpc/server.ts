/**
 * The gRPC endpoint: server calls and data plane → a listening server.
 */
import type { Server as TlsServer } from "node:tls";
import { Cancellable, type Cancellation } from "../../../base/cancellation.js";
import { ConnectionCut, cutHere } from "../../../base/connection-cut.js";
import { internal, Refusal, RuntimeFault, STATUS, unsupported } from "../../../base/errors.js";
import { LARGE } from "../../../base/memory/buffer-pool.js";
import { type Charge, type MemoryBudget, memoryExhausted } from "../../../base/memory/memory-budget.js";
import { RequestMemory } from "../../../base/memory/request-memory.js";
import { RequestMeter } from "../../../base/memory/request-meter.js";
import { turnEnd } from "../../../base/turn-end.js";
import type { Contents } from "../../../wire/grpc/contents.js";
import { decodeRequest } from "../../../wire/grpc/decode-request.js";
import { type Frame, frame, frameReader, type MakeRoom, unpackRequest } from "../../../wire/grpc/framing.js";
import { STREAM_BYTES } from "../../../wire/grpc/limits.js";
import { type CompressionLevel, packedFairly } from "../../../wire/grpc/packing.js";
import type { LogSettings } from "../../observe/log-settings.js";
import { logPrepared, logRefusal } from "../../observe/request-lines.js";
import type { ServerLog } from "../../observe/server-log.js";
import type { TraceNotes } from "../../observe/tracing/trace.js";
import { countLargeStrings, hasLargeStrings } from "../../requests/check-strings.js";
import { deliver } from "../../requests/deliver.js";
import { execute, isDecoupled } from "../../requests/infer.js";
import type { ServerCalls } from "../../requests/server-calls.js";
import { validateRequest } from "../../requests/validate.js";
import { withHeaders } from "../header-forwarding.js";
import { encodeFields } from "../http2/hpack-encode.js";
import { DEFAULT_LIMITS } from "../http2/limits.js";
import type { RequestHead } from "../http2/request-head.js";
import { createHttp2Server } from "../http2/serve.js";
import type { Stream } from "../http2/stream.js";
import { type ListenAt, type Listener, listen } from "../listen.js";
import type { Restriction } from "../restriction.js";
import type { Pattern } from "../user-pattern.js";
import { type CallHead, INFER, readCallHead, STREAM_INFER } from "./call-head.js";
import { type UnaryCall, unaryCalls } from "./calls.js";
import { followCertificates } from "./certificates.js";
import { encodeResponse, type FramePieces } from "./encode-response.js";
import { serveInferStream } from "./infer-stream.js";
import { applyKeepalive, type KeepaliveOptions } from "./keepalive.js";
import { alignedStart } from "./message-place.js";
import { answerOk, armDeadline, cutOff, endWithStatus } from "./status.js";
import { type GrpcTls, openTls } from "./tls.js";
import { type Forward, toRequest } from "./to-request.js";

const MAX_CONNECTIONS = 8192;

export interface GrpcContext {
  readonly calls: ServerCalls;
  readonly logSettings: LogSettings;
  readonly log: ServerLog;
  /** Messages, unpacked messages and responses are charged to it. */
  readonly budget: MemoryBudget;
  readonly restriction: Restriction;
  readonly headerForwardPattern: Pattern | undefined;
  readonly tls?: GrpcTls | undefined;
  readonly keepalive: KeepaliveOptions;
  /** Milliseconds that a client may leave an answer unread; 0 for any. */
  readonly stallTime: number;
  readonly compression: CompressionLevel;
}

export async function serveGrpc(options: ListenAt, context: GrpcContext): Promise<Listener> {
  const { calls, logSettings, log, tls, keepalive, restriction, compression } = context;
  const table = new Map([...unaryCalls(calls, logSettings)].map(([path, call]) => [path, framedCall(call)]));
  const received = context.budget.open();
  const secure = tls && (await openTls(tls));
  const { server, drain } = createHttp2Server<CallHead>({
    handler: {
      read: head => readCallHead(head, restriction, compression),
      open(stream, call) {
        accept(stream, call, table, context, received);
      },
    },
    limits: { ...DEFAULT_LIMITS, stallTime: context.stallTime },
    tls: secure?.options,
    budget: context.budget,
    connected(connection) {
      applyKeepalive(connection, keepalive);
      connection.watch({
        stalled: id =>
          log.verbose("grpc_server", `stream ${id}: the client has read nothing for ${context.stallTime / 1000} s`),
        closed: fault => fault && log.verbose("grpc_server", `connection: ${fault.message}`),
      });
    },
    refused: fault => log.verbose("grpc_server", `handshake: ${fault.message}`),
  });
  server.maxConnections = MAX_CONNECTIONS;
  const listener = await listen(server, options, patience => drain(patience, true));
  if (!secure) return listener;
  const certificates = followCertificates(secure, server as TlsServer, log);
  server.once("close", () => certificates.close());
  return Object.assign(listener, { certificates });
}

function accept(
  stream: Stream,
  call: CallHead,
  table: ReadonlyMap<string, FramedCall>,
  { calls, log, headerForwardPattern, budget }: GrpcContext,
  received: Charge,
): void {
  if (call.refused) {
    stream.respond(encodeFields([[":status", String(call.refused)]]), true);
    return;
  }
  const { path, headers, encoding, packing, refusable } = call;
  const arrived = calls.sample ? performance.now() * 1e6 : 0;
  const abort = new Cancellable();
  stream.onClose(() => abort.abort());
  armDeadline(stream, call.timeout, abort);
  if (call.missing !== undefined) {
    endWithStatus(stream, STATUS.UNAVAILABLE.grpc, `This protocol is restricted, expecting header '${call.missing}'`);
    return;
  }
  if (refusable && budget.wouldRefuse(STREAM_BYTES)) {
    endWithStatus(stream, STATUS.RESOURCE_EXHAUSTED.grpc, memoryExhausted(budget.limit).message);
    return;
  }
  const forward: Forward = parameters => withHeaders(parameters, () => pairs(headers), headerForwardPattern);
  if (path === STREAM_INFER) {
    const strict = headers.triton_grpc_error === "true";
    const options = { strict, forward, signal: abort, packing, budget, received, headers, log };
    serveInferStream(stream, calls, encoding, options);
    return;
  }
  const traced: Traced = trace => {
    trace.stamp("GRPC_WAITREAD_START", arrived);
    trace.stamp("GRPC_WAITREAD_END");
    stream.onClose(() => {
      trace.stamp("GRPC_SEND_END");
      trace.end();
    });
  };
  const run = path === INFER ? inferCall(calls, log, forward, abort, headers, traced) : table.get(path);
  if (run) serveUnary(stream, call, run, { log, budget, received, signal: abort });
  else endWithStatus(stream, STATUS.UNSUPPORTED.grpc, "");
}

const pairs = (headers: RequestHead["headers"]): [string, string][] =>
  Object.entries(headers).map(([name, value]) => [name, value!]);

/** Called for a traced request. */
type Traced = (trace: TraceNotes) => void;

/** Request bytes → the frame of the answer. @param memory that the bytes lie in, where they are many @throws RuntimeFault */
type FramedCall = (bytes: Buffer, meter: RequestMeter, memory?: RequestMemory) => Promise<FramePieces>;

const inferCall =
  (
    calls: ServerCalls,
    log: ServerLog,
    forward: Forward,
    signal: Cancellation,
    headers: RequestHead["headers"],
    traced: Traced,
  ): FramedCall =>
  async (bytes, meter, memory) => {
    const large: Contents[] = [];
    let wire: ReturnType<typeof decodeRequest>;
    try {
      wire = decodeRequest(bytes, meter, large);
      for (const contents of large) await contents.readInSlices(signal);
    } catch (error) {
      memory?.giveBack();
      throw error;
    }
    /** Triton's log doesn't know it while the model is looked for. */
    let id = "";
    let atWork = false;
    let trace: TraceNotes | undefined;
    const regions = calls.memory.open();
    try {
      let version = calls.find(wire.model, wire.version);
      const end = turnEnd(version.statistics.recentNs);
      if (end) {
        await end;
        // The model may have been loaded again.
        version = calls.find(wire.model, wire.version);
      }
      if (isDecoupled(version)) throw unsupported(ONE_ANSWER);
      id = wire.id;
      trace = calls.sample?.(version.model, headers.traceparent);
      if (trace) traced(trace);
      const read = toRequest(wire, regions, forward, signal);
      const kept = calls.keepHeaders === true;
      const request =
        trace || memory || kept
          ? { ...read, ...(trace && { trace }), ...(memory && { memory }), ...(kept && { headers }) }
          : read;
      if (hasLargeStrings(request.inputs)) await countLargeStrings(request.inputs, signal);
      const valid = validateRequest(version.config, request);
      logPrepared(log, version, wire.version, request, valid);
      atWork = true;
      const executed = await execute(version, request, valid);
      const response = await deliver(executed, request, version, calls.labels, request.wishes && meter.charge);
      const answer = encodeResponse(response);
      cutHere(response.cut, answer);
      trace?.stamp("GRPC_SEND_START");
      return answer;
    } catch (error) {
      if (!atWork) memory?.giveBack();
      if (!atWork || error instanceof Refusal) logRefusal(log, "infer_handler", id, RuntimeFault.from(error));
      trace?.fail((error as Error).message);
      trace?.stamp("GRPC_SEND_START");
      throw error;
    } finally {
      regions.release();
    }
  };

const ONE_ANSWER = "ModelInfer RPC doesn't support models with decoupled transaction policy";

const framedCall =
  (call: UnaryCall): FramedCall =>
  async (bytes, meter) => [frame(await call(bytes, meter))];

interface UnaryContext {
  readonly log: ServerLog;
  readonly budget: MemoryBudget;
  /** Bytes of all requests that are not answered yet. */
  readonly received: Charge;
  readonly signal: Cancellation;
}

function serveUnary(
  stream: Stream,
  { encoding, packing, refusable }: CallHead,
  call: FramedCall,
  { log, budget, received, signal }: UnaryContext,
): void {
  let request: Frame | undefined;
  let meter: RequestMeter | undefined;
  /** Bytes that this request has charged. */
  let held = STREAM_BYTES;
  received.force(STREAM_BYTES);
  const release = (): void => {
    received.subtract(held);
    held = 0;
    meter?.release();
  };
  let memory: RequestMemory | undefined;
  stream.onClose(() => {
    // A call that has begun may still use its memory when the client has left.
    if (meter) return;
    release();
    memory?.giveBack();
  });
  const fail = (error: unknown): void => {
    release();
    if (meter) memory?.leave();
    const fault = RuntimeFault.from(error);
    if (!(error instanceof RuntimeFault))
      log.error("grpc_server", `${fault.message}: ${String((error as Error)?.stack ?? error)}`);
    if (fault instanceof ConnectionCut) cutOff(stream, fault);
    else endWithStatus(stream, STATUS[fault.code].grpc, fault.message, fault.detail);
  };
  const answer = (pieces: FramePieces): void => {
    release();
    const { closed } = stream;
    answerOk(stream, pieces, packing);
    if (!memory) return;
    const ends = memory;
    // A cancelled request may still use its buffer, so it is not recycled.
    if (closed) ends.leave();
    else stream.onceClosed(() => stream.connection.whenSent(() => ends.end()));
  };
  const makeRoom: MakeRoom = (length, begin) => {
    if (length < LARGE) return Buffer.allocUnsafe(length);
    const start = alignedStart(begin);
    memory ??= new RequestMemory();
    return Buffer.from(memory.take(start + length), start, length);
  };
  const read = frameReader(found => {
    request ??= found;
  }, makeRoom);
  stream.listen({
    data(chunk) {
      // Only the first message counts.
      if (request) return;
      try {
        if (refusable || chunk.length > STREAM_BYTES) received.add(chunk.length);
        else received.force(chunk.length);
        held += chunk.length;
        read(chunk);
      } catch (error) {
        fail(error);
      }
    },
    end() {
      if (!request) {
        fail(internal("the call carried no message"));
        return;
      }
      const counted = new RequestMeter(budget, request.bytes.length);
      meter = counted;
      (request.compressed
        ? unpackRequest(request, encoding, counted, signal)
            .finally(() => memory?.giveBack())
            .then(bytes => call(bytes, counted))
        : call(request.bytes, counted, memory)
      )
        .then(packing ? async pieces => answer(await packedFairly(packing, pieces)) : answer)
        .catch(fail);
    },
  });
}
