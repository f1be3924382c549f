/**
 * Warms up the code that answers a version's requests: V8 compiles what has run often. Requests of the version's own go through a private
 * connection of each protocol until they get no faster, before the version is ready.
 */
import type { Server } from "node:net";
import { encode } from "../../../triton-protos/proto-root.js";
import { inBackground } from "../../base/in-background.js";
import type { MemoryBudget } from "../../base/memory/memory-budget.js";
import type { Tensor } from "../../base/tensor.js";
import { frame } from "../../wire/grpc/framing.js";
import type { OpenOptions } from "../lifecycle/server-options.js";
import type { ReadyVersion } from "../models/ready-version.js";
import type { Registry } from "../models/registry-types.js";
import { createLogSettings } from "../observe/log-settings.js";
import { createLog } from "../observe/server-log.js";
import { createCalls } from "../requests/server-calls.js";
import { writeTensorJson } from "../requests/tensor-json.js";
import { serveGrpc } from "../transport/grpc/server.js";
import { serveHttp } from "../transport/http/server.js";
import type { AdoptingPort, Listener } from "../transport/listen.js";
import { createRestriction } from "../transport/restriction.js";
import { type Client, grpcRequest, http1Client, http1Request, http2Client } from "./clients.js";
import { isolate } from "./isolated-version.js";

export interface CodeWarmer {
  /** Resolves within the bound, and never rejects. */
  warm(version: ReadyVersion): Promise<void>;
  /** The server is ready: loads from here on have the whole time each, and those of the start had it together. */
  started(): void;
}

interface WarmerParts {
  readonly options: OpenOptions;
  readonly budget: MemoryBudget;
  readonly registry: () => Registry;
}

export function createCodeWarmer({ options, budget, registry }: WarmerParts): CodeWarmer {
  const whole = options.warmUpSeconds * 1000;
  let left = whole;
  let isStarted = false;
  /** One after the other: times of two at once would say nothing. */
  let last: Promise<void> = Promise.resolve();
  const warmNow = async (version: ReadyVersion): Promise<void> => {
    const began = performance.now();
    const [parts, milliseconds] = [{ options, budget, registry }, isStarted ? whole : left];
    const end = began + milliseconds;
    const said = await warmVersion(version, parts, milliseconds).then(
      requests => `${requests} requests`,
      // Its first client gets the same fault, and it is theirs.
      (fault: Error) => (performance.now() < end ? `ended by a fault, ${fault.message}` : "its time was over"),
    );
    const taken = performance.now() - began;
    if (!isStarted) left -= taken;
    version.log?.verbose("warm_up", `warm-up of '${version.model}' took ${taken.toFixed(0)} ms: ${said}`);
  };
  return {
    warm(version) {
      if (!version.loaded.warmUps) return Promise.resolve();
      last = last.then(() => warmNow(version));
      return last;
    },
    started() {
      isStarted = true;
    },
  };
}

/** A client, and the requests that it sends, as many at the same time. */
interface Load {
  readonly client: Client;
  readonly requests: readonly Buffer[];
  readonly width: number;
}

/** @returns how many requests were answered @throws Error if one fails, or the time ends while one is in flight */
async function warmVersion(version: ReadyVersion, parts: WarmerParts, milliseconds: number): Promise<number> {
  const tensors = milliseconds > 0 ? version.loaded.warmUps!() : [];
  if (tensors.length === 0) return 0;
  const end = performance.now() + milliseconds;
  const isolated = isolate(version, parts.registry());
  const counters = structuredClone(version.loaded.stages ?? []);
  const ports = await openPorts(isolated.version, parts, tensors);
  const cut = setTimeout(() => ports.close(), milliseconds);
  try {
    return await untilSettled(ports.loads, end);
  } finally {
    clearTimeout(cut);
    ports.close();
    isolated.end();
    restore(version.loaded.stages ?? [], counters);
  }
}

/** Requests of one round of each load. */
const ROUND = 48;
/** A round that takes less than this part of the fastest one is faster. */
const FASTER = 0.95;
/** Rounds without a faster one, after which the times have settled. */
const PATIENCE = 8;

/** @returns how many requests were answered */
async function untilSettled(loads: readonly Load[], end: number): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  let sent = 0;
  for (let slow = 0; slow < PATIENCE && performance.now() < end; slow++) {
    const began = process.cpuUsage();
    for (const { client, requests, width } of loads)
      for (let left = ROUND; left > 0; left -= width)
        await client.send(Array.from({ length: width }, () => requests[sent++ % requests.length]!));
    // CPU time: a busy machine makes a request slow, but not expensive. That of compiling is in it.
    const { user, system } = process.cpuUsage(began);
    const taken = user + system;
    if (taken < FASTER * fastest) slow = -1;
    fastest = Math.min(fastest, taken);
  }
  return sent;
}

/** Requests that are in flight together share runs of a plan: another part of the code. */
const TOGETHER = 8;

/** The ports of the server's protocols, which only these clients reach. @throws Error */
async function openPorts(
  version: ReadyVersion,
  { options, budget, registry }: WarmerParts,
  tensors: readonly (readonly Tensor[])[],
): Promise<{ readonly loads: readonly Load[]; close(): void }> {
  const clients: Client[] = [];
  const listeners: Listener[] = [];
  const close = (): void => {
    for (const client of clients.splice(0)) client.close();
    for (const listener of listeners.splice(0)) inBackground(listener.stop(0), "closing the ports of a warm-up");
  };
  const open = async (
    serve: (adopt: (port: AdoptingPort) => void) => Promise<Listener>,
    connect: (server: Server) => Promise<Client>,
  ): Promise<Client> => {
    let taken: Server | undefined;
    listeners.push(await serve(({ server }) => (taken = server)));
    const client = await connect(taken!);
    clients.push(client);
    return client;
  };
  const muted = { info: false, warning: false, error: false, verbose: 0, format: "default" as const };
  const calls = createCalls({ ...registry(), find: () => version }, { ...options, control: "none" }, () => "serving");
  const shared = {
    ...{ calls, budget, log: createLog(muted, () => {}), logSettings: createLogSettings(muted) },
    ...{ restriction: createRestriction([]), headerForwardPattern: undefined },
  };
  const stallTime = options.stallTimeoutSeconds * 1000;
  const at = { address: "", port: 0 };
  const loads: Load[] = [];
  try {
    if (options.grpc) {
      const context = { ...shared, keepalive: options.grpcConnections, stallTime, compression: "none" as const };
      const client = await open(adopt => serveGrpc({ ...at, adopt }, context), http2Client);
      const requests = tensors.map(inputs => grpcOf(version.model, inputs));
      loads.push({ client, requests, width: 1 }, { client, requests, width: TOGETHER });
    }
    if (options.http) {
      const port = { ...at, stallTime, allowedOrigins: [], budget };
      const context = { ...shared, maxInputSize: options.httpMaxInputSize };
      const client = await open(adopt => serveHttp({ ...port, adopt }, context, shared.log), http1Client);
      loads.push({ client, requests: tensors.map(inputs => httpOf(version.model, inputs)), width: 1 });
    }
  } catch (error) {
    close();
    throw error;
  }
  return { loads, close };
}

function grpcOf(model: string, inputs: readonly Tensor[]): Buffer {
  const message = encode("inference.ModelInferRequest", {
    model_name: model,
    inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: [...shape] })),
    raw_input_contents: inputs.map(({ data }) => data),
  });
  return grpcRequest("/inference.GRPCInferenceService/ModelInfer", frame(message));
}

const httpOf = (model: string, inputs: readonly Tensor[]): Buffer =>
  http1Request(`/v2/models/${model}/infer`, JSON.stringify({ inputs: inputs.map(writeTensorJson) }));

/** Numbers of counters as they were, in the same objects: kernels count in them. */
function restore<T extends object>(counters: T, before: T): void {
  const fill = (to: object, from: object): void => {
    for (const [key, value] of Object.entries(from))
      if (typeof value === "number") Object.assign(to, { [key]: value });
      else if (typeof value === "object" && value) fill((to as Record<string, object>)[key]!, value as object);
  };
  fill(counters, before);
}
