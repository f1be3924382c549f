/**
 * The layer that puts functions in the place of models, also while the server runs, and records the requests of models.
 */
import type { Backend, LoadContext } from "../server/backends/backend.js";
import { type MockFunction, type MockRequest, readRequest } from "../server/backends/mock/answer.js";
import { createMock } from "../server/backends/mock.js";
import type { BackendRequest, LoadedModel } from "../server/contract.js";
import type { ModelMiddleware } from "../server/models/model-middleware.js";
import type { Mistakes } from "./mistakes.js";
import { maskHeaders } from "./recordings/mask-headers.js";

export interface ModelLayer {
  readonly middleware: ModelMiddleware;
  set(model: string, act: MockFunction | undefined): void;
  /** Requests that a model got, the oldest first; the last thousand. */
  requests(model: string): readonly MockRequest[];
  forget(): void;
}

const KEPT = 1000;

/** @param first functions that are there before any model is loaded: those models need no files */
export function createModelLayer(
  first: Readonly<Record<string, MockFunction>>,
  { note: noteMistake }: Pick<Mistakes, "note">,
): ModelLayer {
  const functions = new Map(Object.entries(first));
  const noted = new Map<string, MockRequest[]>();

  const load = async (context: LoadContext, chosen: Backend | undefined): Promise<LoadedModel> => {
    const { name } = context;
    const real = await chosen?.load(context);
    const config = real?.config ?? context.config;
    const mocks = new Map<MockFunction, Promise<LoadedModel>>();
    const standIn = async (): Promise<LoadedModel> => {
      const act = functions.get(name);
      if (!act) return real ?? (await createMock({}).load({ ...context, config }));
      const made =
        mocks.get(act) ??
        createMock({}, act, error => noteMistake(`model '${name}'`, error)).load({ ...context, config });
      mocks.set(act, made);
      return made;
    };
    const note = (requests: readonly BackendRequest[]): void => {
      const list = noted.get(name) ?? [];
      noted.set(name, list);
      for (const request of requests) {
        const read = readRequest(request, config, {});
        list.push({ ...read, headers: maskHeaders(read.headers) });
      }
      if (list.length > KEPT) list.splice(0, list.length - KEPT);
    };
    const decoupled = config.model_transaction_policy?.decoupled;
    return {
      ...(real?.config && { config: real.config }),
      async execute(requests, instance, clock) {
        note(requests);
        return (await standIn()).execute(requests, instance, clock);
      },
      ...((real?.stream || decoupled) && {
        async stream(requests, send, instance) {
          note(requests);
          return (await standIn()).stream!(requests, send, instance);
        },
      }),
      close: () => real?.close?.(),
    };
  };

  return {
    middleware: {
      async backend({ config }, choose) {
        // An ensemble's requests are those of its members.
        const chosen = functions.has(config.name) ? undefined : await choose();
        return { ...(chosen ?? { anyDevice: true as const }), load: context => load(context, chosen) };
      },
    },
    set(model, act) {
      if (act) functions.set(model, act);
      else functions.delete(model);
    },
    requests: model => noted.get(model) ?? [],
    forget: () => noted.clear(),
  };
}
