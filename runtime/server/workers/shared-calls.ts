/**
 * The calls of a worker's clients. Those about requests and models are answered here. The control process answers those about the state of the whole server.
 */
import type { LogSettingsRequest_SettingValue } from "../../../triton-protos/gen/messages.js";
import type { OwnParts, ServedCalls } from "../lifecycle/worker-side.js";
import type { LogSettings } from "../observe/log-settings.js";
import type { Tracer } from "../observe/tracing/tracer.js";
import type { ServerCalls } from "../requests/server-calls.js";
import type { Change, ControlCalls, Setting } from "./messages.js";

/** Calls the control process. */
export type Ask = <K extends keyof ControlCalls>(
  call: K,
  argument: Parameters<ControlCalls[K]>[0],
) => Promise<ReturnType<ControlCalls[K]>>;

/** @param isReady whether the server as a whole is ready */
export function sharedCalls(own: OwnParts, ask: Ask, isReady: () => boolean): ServedCalls {
  const { calls, logSettings } = own;
  const set = (setting: Setting): Promise<void> => ask("set", setting);
  const change = (what: Change): Promise<void> => ask("change", what);
  const staged: ServerCalls["statisticsWithStages"] = async (model, version) => {
    // Refused here, with the texts of this worker's models.
    await calls.statistics(model, version);
    return ask("statistics", { model, version });
  };
  const { tracer } = calls;
  const shared: Partial<ServerCalls> = {
    memory: derived(calls.memory, {
      register: region => set({ setting: "register", region }),
      unregister: name => set({ setting: "unregister", name }),
    }),
    ...(tracer && { tracer: sharedTracer(tracer, ask) }),
    isReady: () => isReady() && calls.isReady(),
    statistics: async (model, version) =>
      (await staged(model, version)).map(({ stages: _stages, ...statistics }) => statistics),
    statisticsWithStages: staged,
    async index(readyOnly) {
      const entries = await ask("index", undefined);
      return readyOnly ? entries.filter(({ state }) => state === "READY") : entries;
    },
    load: (model, override) => change({ change: "load", model, override }),
    unload: (model, dependents = false) => change({ change: "unload", model, dependents }),
  };
  return {
    calls: derived(calls, shared),
    logSettings: sharedLogSettings(logSettings, set),
    printMetrics: () => ask("metrics", undefined),
  };
}

/** An object with some members in the place of another's; the others, computed ones too, are that one's. */
const derived = <T extends object>(base: T, own: Partial<T>): T => Object.assign(Object.create(base) as T, own);

const sharedTracer = (tracer: Tracer, ask: Ask): Tracer =>
  derived(tracer, {
    print: model => ask("traceSettings", model),
    update: (model, given, protocol) => ask("set", { setting: "trace", model, given, protocol }),
  });

const sharedLogSettings = (own: LogSettings, set: (setting: Setting) => Promise<void>): LogSettings => ({
  print: () => own.print(),
  async updateFromGrpc(given: Readonly<Record<string, LogSettingsRequest_SettingValue>>) {
    if (Object.keys(given).length > 0) await set({ setting: "log-grpc", given });
    return own.updateFromGrpc({});
  },
  updateFromJson: given => set({ setting: "log-json", given }),
});
