/**
 * Which part of the protocol a call belongs to, for restrictions.
 */
import type { Restrictable } from "../restriction.js";

const API: Readonly<Record<string, Restrictable>> = {
  Check: "health",
  ServerLive: "health",
  ServerReady: "health",
  ModelReady: "health",
  ServerMetadata: "metadata",
  ModelMetadata: "metadata",
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

/** @param path `/inference.GRPCInferenceService/ModelReady` */
export function apiOf(path: string): Restrictable {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return Object.hasOwn(API, name) ? API[name]! : "inference";
}
