/**
 * The unary RPCs besides ModelInfer: for each, its messages and its handler.
 */
import type { Messages, ModelRepositoryParameter } from "../../../../triton-protos/gen/messages.js";
import type { Init } from "../../../../triton-protos/message-shape.js";
import { invalid, RuntimeFault, unavailable, unsupported } from "../../../base/errors.js";
import type { RequestMeter } from "../../../base/memory/request-meter.js";
import type { Override } from "../../models/override.js";
import type { LogSettings } from "../../observe/log-settings.js";
import type { ServerCalls } from "../../requests/server-calls.js";
import type { UnaryRpc } from "./restricted-calls.js";

/** Request bytes → answer bytes. @throws RuntimeFault */
export type UnaryCall = (bytes: Buffer, meter: RequestMeter) => Promise<Uint8Array>;

/** Calls by path. */
class RpcTable {
  readonly calls = new Map<string, UnaryCall>();

  add<Q extends keyof Messages, A extends keyof Messages>(
    path: string,
    request: Q,
    answer: A,
    call: (request: Messages[Q]) => Init<Messages[A]> | Promise<Init<Messages[A]>>,
  ): void {
    this.calls.set(path, async (bytes, meter) => {
      // Loaded lazily: most servers only receive ModelInfer, which has a codec of its own.
      const { encode } = await import("../../../../triton-protos/proto-root.js");
      const { decodeMessage } = await import("./decode-message.js");
      return encode(answer, await call(decodeMessage(request, bytes, meter)));
    });
  }

  /** A call of Triton's service. */
  rpc<N extends UnaryRpc>(
    name: N,
    call: (
      request: Messages[Extract<keyof Messages, `inference.${N}Request`>],
    ) =>
      | Init<Messages[Extract<keyof Messages, `inference.${N}Response`>]>
      | Promise<Init<Messages[Extract<keyof Messages, `inference.${N}Response`>]>>,
  ): void {
    this.add(
      `/inference.GRPCInferenceService/${name}`,
      `inference.${name}Request` as Extract<keyof Messages, `inference.${N}Request`>,
      `inference.${name}Response` as Extract<keyof Messages, `inference.${N}Response`>,
      call,
    );
  }
}

export function unaryCalls(calls: ServerCalls, log: LogSettings): ReadonlyMap<string, UnaryCall> {
  const table = new RpcTable();
  table.add(
    "/grpc.health.v1.Health/Check",
    "grpc.health.v1.HealthCheckRequest",
    "grpc.health.v1.HealthCheckResponse",
    () => ({
      status: calls.isReady() ? "SERVING" : "NOT_SERVING",
    }),
  );
  addModelRpcs(table, calls);
  addRepositoryRpcs(table, calls);
  addMemoryRpcs(table, calls);
  addSettingsRpcs(table, calls, log);
  return table.calls;
}

/** The server, its models, and their statistics. */
function addModelRpcs(table: RpcTable, calls: ServerCalls): void {
  table.rpc("ServerLive", () => ({ live: calls.isLive() }));
  table.rpc("ServerReady", () => ({ ready: calls.isReady() }));
  table.rpc("ServerMetadata", () => calls.serverMetadata());
  table.rpc("ModelReady", ({ name, version }) => ({ ready: calls.isModelReady(name, version) }));
  table.rpc("ModelMetadata", ({ name, version }) => calls.modelMetadata(name, version));
  table.rpc("ModelConfig", ({ name, version }) => ({ config: calls.modelConfig(name, version) }));
  table.rpc("ModelStatistics", async ({ name, version }) => ({
    model_stats: await calls.statistics(name, version),
  }));
}

/** Which models there are; loads and unloads. */
function addRepositoryRpcs(table: RpcTable, calls: ServerCalls): void {
  table.rpc("RepositoryIndex", async ({ repository_name, ready }) => {
    refuseRepository(repository_name);
    return { models: await calls.index(ready) };
  });
  table.rpc("RepositoryModelLoad", async ({ repository_name, model_name, parameters }) => {
    refuseRepository(repository_name);
    checkParameters(parameters);
    await calls.load(model_name, calls.options.control === "explicit" ? readOverride(parameters) : undefined);
    return {};
  });
  table.rpc("RepositoryModelUnload", async ({ repository_name, model_name, parameters }) => {
    refuseRepository(repository_name);
    const dependents = parameters.unload_dependents;
    if (dependents && dependents.bool_param === undefined)
      throw invalid("invalid value type for 'unload_dependents' parameter, expected bool_param.");
    await calls.unload(model_name, dependents?.bool_param ?? false);
    return {};
  });
}

function addMemoryRpcs(table: RpcTable, calls: ServerCalls): void {
  const requireShm = (): void => {
    if (!calls.options.allowClientShm) throw unsupported(SHM_OFF);
  };
  table.rpc("SystemSharedMemoryStatus", ({ name }) => ({
    regions: Object.fromEntries(calls.memory.status(name).map(region => [region.name, region])),
  }));
  table.rpc("CudaSharedMemoryStatus", ({ name }) => {
    if (name) throw new RuntimeFault("NOT_FOUND", `Unable to find cuda shared memory region: '${name}'`);
    return {};
  });
  table.rpc("SystemSharedMemoryRegister", async region => {
    requireShm();
    await calls.memory.register(region);
    return {};
  });
  table.rpc("CudaSharedMemoryRegister", ({ name }) => {
    throw invalid(`failed to register CUDA shared memory region: '${name}', GPUs not supported`);
  });
  table.rpc("SystemSharedMemoryUnregister", async ({ name }) => {
    requireShm();
    await calls.memory.unregister(name);
    return {};
  });
  table.rpc("CudaSharedMemoryUnregister", () => {
    requireShm();
    return {};
  });
}

function addSettingsRpcs(table: RpcTable, calls: ServerCalls, log: LogSettings): void {
  table.rpc("TraceSetting", async ({ model_name, settings }) => {
    const { tracer } = calls;
    if (!tracer) throw unavailable("the server does not support trace");
    const given = Object.entries(settings).map(([key, { value }]) => [key, value] as const);
    if (given.length > 0) await tracer.update(model_name, Object.fromEntries(given), "grpc");
    const printed = Object.entries(await tracer.print(model_name)).map(
      ([key, value]) => [key, { value: typeof value === "string" ? [value] : value }] as const,
    );
    return { settings: Object.fromEntries(printed) };
  });
  table.rpc("LogSettings", async ({ settings }) => ({ settings: await log.updateFromGrpc(settings) }));
}

const SHM_OFF = "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.";

function refuseRepository(name: string): void {
  if (name) throw unsupported("'repository_name' specification is not supported");
}

type LoadParameters = Readonly<Record<string, ModelRepositoryParameter>>;

/** @throws RuntimeFault for keys and kinds that Triton refuses, whether the server loads on request or not */
function checkParameters(parameters: LoadParameters): void {
  const wrong = (key: string, kind: string): never => {
    throw invalid(`invalid value type for load parameter '${key}', expected ${kind}_param.`);
  };
  for (const [key, { string_param, bytes_param }] of Object.entries(parameters))
    if (key === "config") string_param ?? wrong(key, "string");
    else if (key.startsWith("file:")) bytes_param ?? wrong(key, "bytes");
    else throw invalid(`unrecognized load parameter '${key}'.`);
}

/** The configuration and the files that a load brings along. */
function readOverride({ config, ...rest }: LoadParameters): Override | undefined {
  const files = new Map(
    Object.entries(rest).map(([key, { bytes_param }]) => [key.slice("file:".length), Buffer.from(bytes_param ?? [])]),
  );
  if (config === undefined && files.size === 0) return undefined;
  return { files, ...(config?.string_param !== undefined && { config: config.string_param }) };
}
