/**
 * Which part of the protocol a call belongs to, for restrictions. An RPC without a part does not compile.
 */
import type { Messages } from "../../../../triton-protos/gen/messages.js";
import type { Restrictable } from "../restriction.js";

/** The unary RPCs, by the messages that they take. */
export type UnaryRpc = keyof Messages extends infer Name
  ? Name extends `inference.${infer Rpc}Request`
    ? Rpc
    : never
  : never;

const API: Readonly<Record<UnaryRpc | "ModelStreamInfer" | "Check", Restrictable>> = {
  Check: "health",
  ServerLive: "health",
  ServerReady: "health",
  ModelReady: "health",
  ServerMetadata: "metadata",
  ModelMetadata: "metadata",
  ModelInfer: "inference",
  ModelStreamInfer: "inference",
  ModelConfig: "model-config",
  ModelStatistics: "statistics",
  RepositoryIndex: "model-repository",
  RepositoryModelLoad: "model-repository",
  RepositoryModelUnload: "model-repository",
  SystemSharedMemoryStatus: "shared-memory",
  SystemSharedMemoryRegister: "shared-memory",
  SystemSharedMemoryUnregister: "shared-memory",
  CudaSharedMemoryStatus: "shared-memory",
  CudaSharedMemoryRegister: "shared-memory",
  CudaSharedMemoryUnregister: "shared-memory",
  TraceSetting: "trace",
  LogSettings: "logging",
};

/** @param path `/inference.GRPCInferenceService/ModelReady`; of a path that names no RPC, `inference` */
export function apiOf(path: string): Restrictable {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return Object.hasOwn(API, name) ? API[name as keyof typeof API] : "inference";
}
