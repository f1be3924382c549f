/** Loads of models: they wait at gates and fail when their configuration says so, and what was loaded notes its closing. */
import { RuntimeFault } from "#runtime/base/errors.js";
import type { Backend, LoadContext } from "#runtime/server/backends/backend.js";
import type { LoadedModel } from "#runtime/server/contract.js";
import type { VersionLease } from "#runtime/server/models/lease.js";
import type { ModelMiddleware } from "#runtime/server/models/model-middleware.js";
import type { ReadyVersion } from "#runtime/server/models/ready-version.js";
import type { Name } from "./commands.js";

export interface Watched {
  readonly key: string;
  readonly number: string;
  closed: number;
}

/** A request and the versions that it holds. */
export interface Held {
  readonly lease: VersionLease;
  readonly name: Name;
  readonly versions: ReadonlyMap<string, ReadyVersion>;
  /** Those of them that were not being unloaded already: an unload does not wait for later requests. */
  readonly kept: ReadonlySet<ReadyVersion>;
}

export interface WatchedLoads {
  readonly middleware: ModelMiddleware;
  readonly all: readonly Watched[];
  of(model: LoadedModel): Watched;
  /** Whether a load waits at a gate. */
  areWaiting(): boolean;
  open(): void;
}

/** @param breaks notes a broken rule @param held the requests in progress */
export function watchedLoads(breaks: (rule: string) => void, held: readonly Held[]): WatchedLoads {
  const loaded = new WeakMap<LoadedModel, Watched>();
  const all: Watched[] = [];
  const loading = new Map<string, number>();
  const gates: (() => void)[] = [];
  const watchedLoad = async (
    { name, version, config }: LoadContext,
    make: () => Promise<LoadedModel>,
  ): Promise<LoadedModel> => {
    const key = `${name}:${version}`;
    const running = (loading.get(key) ?? 0) + 1;
    if (running > 1) breaks(`${key} is loaded twice at a time`);
    loading.set(key, running);
    try {
      if (config.parameters.slow) await new Promise<void>(open => gates.push(open));
      if (config.parameters.fails) throw new RuntimeFault("INTERNAL", "refused");
      const watched: Watched = { key, number: config.parameters.number?.string_value ?? "", closed: 0 };
      const inner = await make();
      const made: LoadedModel = {
        ...inner,
        async close() {
          if (++watched.closed > 1) breaks(`${key} is closed ${watched.closed} times`);
          for (const { name: by, kept } of held)
            for (const one of kept)
              if (one.loaded === made) breaks(`${key} is closed while a request of ${by} holds it`);
          await inner.close?.();
        },
      };
      loaded.set(made, watched);
      all.push(watched);
      return made;
    } finally {
      loading.set(key, loading.get(key)! - 1);
    }
  };
  const backendOf = (inner: Backend): Backend => ({
    ...inner,
    load: (context, before) => watchedLoad(context, () => inner.load(context, before)),
  });
  const fake: Backend = {
    anyDevice: true,
    load: async ({ name }) => ({
      execute: requests => requests.map(() => ({ outputs: [] })),
      ...(name === "plan" && { dependencies: ["m", "n"].map(model => ({ model, version: -1 })) }),
    }),
  };
  return {
    middleware: {
      backend: async ({ config }, choose) => backendOf(config.platform === "ensemble" ? await choose() : fake),
    },
    all,
    of: model => loaded.get(model)!,
    areWaiting: () => gates.length > 0,
    open() {
      for (const open of gates.splice(0)) open();
    },
  };
}
