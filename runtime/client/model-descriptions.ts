/**
 * The metadata of models, fetched once.
 */
import type { CallOptions } from "./call-options.js";
import type { Ask } from "./management.js";
import type { RpcAnswer } from "./wire-call.js";

type Metadata = RpcAnswer<"ModelMetadata">;

export type Describe = (model: string, version: string, call: CallOptions | undefined) => Promise<Metadata>;

export interface ModelDescriptions {
  readonly describe: Describe;
  /** The model may have changed. */
  forget(model: string): void;
}

export function modelDescriptions(ask: Ask): ModelDescriptions {
  const known = new Map<string, Metadata>();
  const asked = new Map<string, Promise<Metadata>>();
  return {
    async describe(model, version, call) {
      const key = `${model}\n${version}`;
      const found = known.get(key);
      if (found) return found;
      const under = asked.get(key);
      // A cancelled first call must not fail those that share its fetch.
      if (under && !call?.signal) return under;
      const asking = ask("ModelMetadata", { name: model, version }, call).then(metadata => {
        known.set(key, metadata);
        return metadata;
      });
      if (!call?.signal) {
        asked.set(key, asking);
        asking.then(
          () => asked.delete(key),
          () => asked.delete(key),
        );
      }
      return asking;
    },
    forget(model) {
      for (const key of known.keys()) if (key.startsWith(`${model}\n`)) known.delete(key);
    },
  };
}
