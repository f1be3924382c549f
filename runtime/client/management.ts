/**
 * The calls about servers and models: health, metadata, configurations, statistics, loading, shared memory, traces, logs. Answers are the
 * protocol's own messages, with its names.
 */
import { exactJson } from "../../triton-protos/json-message/exact-json.js";
import type { ModelConfig } from "../../triton-protos/model-config.js";
import { settingValues } from "../../triton-protos/setting-values.js";
import type { CallOptions } from "./call-options.js";
import { NotFoundError, ProtocolError, ServerError, UnavailableError } from "./client-error.js";
import type { Rpc, RpcAnswer, RpcRequest } from "./wire-call.js";

export type ServerMetadata = RpcAnswer<"ServerMetadata">;
export type ModelMetadata = RpcAnswer<"ModelMetadata">;
export type ModelStatistics = RpcAnswer<"ModelStatistics">["model_stats"][number];
export type ModelIndex = RpcAnswer<"RepositoryIndex">["models"][number];
export type SystemRegion = RpcAnswer<"SystemSharedMemoryStatus">["regions"][string];
export type CudaRegion = RpcAnswer<"CudaSharedMemoryStatus">["regions"][string];
export type LogValue = boolean | number | string;

type Version = string | number;

export interface Management {
  /** Whether the server is alive. False, and no error, where nothing answers. */
  isServerLive(options?: CallOptions): Promise<boolean>;
  /** Whether the server takes requests. False, and no error, where nothing answers. */
  isServerReady(options?: CallOptions): Promise<boolean>;
  /** False for a model that is not there, too. */
  isModelReady(model: string, version?: Version, options?: CallOptions): Promise<boolean>;
  serverMetadata(options?: CallOptions): Promise<ServerMetadata>;
  /** Tensors of a model, fetched anew. */
  modelMetadata(model: string, version?: Version, options?: CallOptions): Promise<ModelMetadata>;
  modelConfig(model: string, version?: Version, options?: CallOptions): Promise<ModelConfig>;
  /** Without a name, those of all ready models. */
  statistics(model?: string, version?: Version, options?: CallOptions): Promise<readonly ModelStatistics[]>;
  /** Lists the models of the repositories. */
  index(options?: CallOptions & { readonly ready?: boolean }): Promise<readonly ModelIndex[]>;
  /**
   * Loads a model, or loads it again.
   * @param files of the version folder, by path (`1/model.onnx`), instead of those in the repository
   */
  load(
    model: string,
    options?: CallOptions & {
      readonly config?: object | string;
      readonly files?: Readonly<Record<string, Uint8Array>>;
    },
  ): Promise<void>;
  unload(model: string, options?: CallOptions & { readonly dependents?: boolean }): Promise<void>;
  readonly systemSharedMemory: {
    status(name?: string, options?: CallOptions): Promise<readonly SystemRegion[]>;
    register(
      name: string,
      region: { readonly key: string; readonly byteSize: number; readonly offset?: number },
      options?: CallOptions,
    ): Promise<void>;
    /** All regions without a name. */
    unregister(name?: string, options?: CallOptions): Promise<void>;
  };
  readonly cudaSharedMemory: {
    status(name?: string, options?: CallOptions): Promise<readonly CudaRegion[]>;
    register(
      name: string,
      region: { readonly handle: Uint8Array; readonly byteSize: number; readonly device?: number },
      options?: CallOptions,
    ): Promise<void>;
    unregister(name?: string, options?: CallOptions): Promise<void>;
  };
  /** Trace settings, after a change if one is given. An empty list takes a model's own setting back. */
  traceSettings(
    change?: Readonly<Record<string, readonly string[]>>,
    model?: string,
    options?: CallOptions,
  ): Promise<Record<string, readonly string[]>>;
  /** Log settings, after a change if one is given. */
  logSettings(change?: Readonly<Record<string, LogValue>>, options?: CallOptions): Promise<Record<string, LogValue>>;
}

export type Ask = <N extends Rpc>(
  rpc: N,
  request: RpcRequest<N>,
  options: CallOptions | undefined,
) => Promise<RpcAnswer<N>>;

/** @param forget called when a model may have changed */
export function management(ask: Ask, forget: (model: string) => void): Management {
  const probe = async (answer: Promise<boolean>): Promise<boolean> => {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof UnavailableError || error instanceof NotFoundError) return false;
      // MLServer has another status for a model that is not there.
      if (error instanceof ServerError && error.message.includes("ModelNotFound")) return false;
      throw error;
    }
  };
  const named = (name: string, version: Version | undefined) => ({
    name,
    version: version === undefined ? "" : String(version),
  });
  return {
    isServerLive: options => probe(ask("ServerLive", {}, options).then(({ live }) => live)),
    isServerReady: options => probe(ask("ServerReady", {}, options).then(({ ready }) => ready)),
    isModelReady: (model, version, options) =>
      probe(ask("ModelReady", named(model, version), options).then(({ ready }) => ready)),
    serverMetadata: options => ask("ServerMetadata", {}, options),
    modelMetadata: (model, version, options) => ask("ModelMetadata", named(model, version), options),
    async modelConfig(model, version, options) {
      const { config } = await ask("ModelConfig", named(model, version), options);
      if (!config) throw new ProtocolError("INTERNAL", `the server has no configuration for "${model}"`, { model });
      return config;
    },
    statistics: async (model = "", version, options) =>
      (await ask("ModelStatistics", named(model, version), options)).model_stats,
    index: async ({ ready = false, ...options } = {}) => (await ask("RepositoryIndex", { ready }, options)).models,
    async load(model, { config, files, ...options } = {}) {
      const parameters = {
        ...(config !== undefined && {
          config: { string_param: typeof config === "string" ? config : exactJson(config) },
        }),
        ...Object.fromEntries(
          Object.entries(files ?? {}).map(([path, bytes]) => [`file:${path}`, { bytes_param: bytes }]),
        ),
      };
      await ask("RepositoryModelLoad", { model_name: model, parameters }, options);
      forget(model);
    },
    async unload(model, { dependents, ...options } = {}) {
      const parameters = dependents === undefined ? {} : { unload_dependents: { bool_param: dependents } };
      await ask("RepositoryModelUnload", { model_name: model, parameters }, options);
      forget(model);
    },
    ...sharedMemory(ask),
    ...serverSettings(ask),
  };
}

const sharedMemory = (ask: Ask): Pick<Management, "systemSharedMemory" | "cudaSharedMemory"> => ({
  systemSharedMemory: {
    status: async (name = "", options) =>
      Object.values((await ask("SystemSharedMemoryStatus", { name }, options)).regions),
    async register(name, { key, byteSize, offset = 0 }, options) {
      await ask("SystemSharedMemoryRegister", { name, key, offset, byte_size: byteSize }, options);
    },
    async unregister(name = "", options) {
      await ask("SystemSharedMemoryUnregister", { name }, options);
    },
  },
  cudaSharedMemory: {
    status: async (name = "", options) =>
      Object.values((await ask("CudaSharedMemoryStatus", { name }, options)).regions),
    async register(name, { handle, byteSize, device = 0 }, options) {
      await ask(
        "CudaSharedMemoryRegister",
        { name, raw_handle: handle, device_id: device, byte_size: byteSize },
        options,
      );
    },
    async unregister(name = "", options) {
      await ask("CudaSharedMemoryUnregister", { name }, options);
    },
  },
});

const serverSettings = (ask: Ask): Pick<Management, "traceSettings" | "logSettings"> => ({
  async traceSettings(change = {}, model = "", options) {
    const given = Object.fromEntries(Object.entries(change).map(([key, value]) => [key, { value }]));
    const { settings } = await ask("TraceSetting", { settings: given, model_name: model }, options);
    return Object.fromEntries(Object.entries(settings).map(([key, { value }]) => [key, value]));
  },
  async logSettings(change = {}, options) {
    const { settings } = await ask("LogSettings", { settings: settingValues(change) }, options);
    return Object.fromEntries(
      Object.entries(settings).map(([key, { bool_param, uint32_param, string_param }]) => [
        key,
        bool_param ?? uint32_param ?? string_param ?? "",
      ]),
    );
  },
});
