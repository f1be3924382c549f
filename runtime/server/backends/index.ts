/**
 * Backends by name. Each is imported with the first model that needs it, so that start-up loads only the code that a repository uses.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { RuntimeFault } from "../../base/errors.js";
import type { Backend } from "./backend.js";

const BACKENDS: Readonly<Record<string, () => Promise<Backend>>> = {
  dyna_sequence: async () => (await import("./sequence-sum.js")).dynaSequenceBackend,
  identity: async () => (await import("./identity.js")).identityBackend,
  javascript: async () => (await import("./javascript.js")).javascriptBackend,
  merlon: async () => (await import("./merlon.js")).merlonBackend,
  mock: async () => (await import("./mock.js")).mockBackend,
  onnxruntime: async () => (await import("./onnxruntime.js")).onnxruntimeBackend,
  query: async () => (await import("./query.js")).queryBackend,
  repeat: async () => (await import("./repeat.js")).repeatBackend,
  sequence: async () => (await import("./sequence-sum.js")).sequenceBackend,
  square: async () => (await import("./square.js")).squareBackend,
};

/** A backend that this server does not have. */
export class UnknownBackend extends RuntimeFault {}

export const BACKEND_NAMES: readonly string[] = Object.keys(BACKENDS);

export const hasBackend = (name: string): boolean => Object.hasOwn(BACKENDS, name);

/** The backend that serves a model; ensembles have one without a name. @throws RuntimeFault for a name that no backend has */
export async function loadBackend({
  platform,
  backend: name,
}: Pick<ModelConfig, "platform" | "backend">): Promise<Backend> {
  if (platform === "ensemble") return (await import("./ensemble.js")).ensembleBackend;
  const load = hasBackend(name) ? BACKENDS[name] : undefined;
  if (load) return load();
  throw new UnknownBackend(
    "INVALID_ARGUMENT",
    `unable to find backend library for backend '${name}', try specifying runtime on the model configuration.`,
  );
}
