/**
 * The layer between a server and its models that makes the faults of a set happen.
 */

import { Refusal, RuntimeFault, unavailable } from "../../base/errors.js";
import type { PreparedKernel } from "../../engine/schedule/kernel.js";
import type { StepPlace } from "../../engine/schedule/step-middleware.js";
import type { ModelMiddleware } from "../models/model-middleware.js";
import type { ReadyVersion } from "../models/ready-version.js";
import type { Registry } from "../models/registry-types.js";
import { stepsOf } from "../models/stage-names.js";
import { requestPrefix } from "../requests/request-prefix.js";
import type { FaultSet } from "./fault-set.js";
import { executionFault, loadFault } from "./fault-texts.js";
import { faultyModel } from "./faulty-model.js";

export const faultLayer = (faults: FaultSet): ModelMiddleware => ({
  async backend({ config, folder }, choose) {
    const backend = await choose();
    return {
      ...backend,
      async load(context) {
        const [fault] = faults.hit("failLoad", config.name);
        if (fault) throw loadFault(fault.failLoad!, config, folder);
        return faultyModel(await backend.load(context), context.config, faults);
      },
    };
  },
  async step(place, prepare) {
    const kernel = await prepare();
    return { ...kernel, run: (inputs, context) => runStep(place, faults, () => kernel.run(inputs, context)) };
  },
  registry: registry => faultyRegistry(registry, faults),
});

/** A stage's faults hit at its last step; at a step's own label, there. */
function runStep(
  { model, plan, step }: StepPlace,
  faults: FaultSet,
  act: () => ReturnType<PreparedKernel["run"]>,
): ReturnType<PreparedKernel["run"]> {
  const names = new Set(faults.list().flatMap(({ fault }) => (fault.stage === undefined ? [] : [fault.stage])));
  const mine = [...names].filter(name => stepsOf(model, plan, name).at(-1) === step);
  if (mine.length === 0) return act();
  const delays = mine.flatMap(name => faults.hit("delayMs", model, name).map(({ delayMs }) => faults.draw(delayMs!)));
  const [failed] = mine.flatMap(name => faults.hit("error", model, name));
  const finish = (): ReturnType<PreparedKernel["run"]> => {
    if (failed) throw executionFault(failed.error!.code, failed.error!.message, { name: model, backend: "merlon" });
    return act();
  };
  return delays.length > 0 ? faults.clock.sleep(Math.max(...delays)).then(finish) : finish();
}

/** A registry → the same registry with models that are not ready and queues that are full, as their faults say. */
function faultyRegistry(registry: Registry, faults: FaultSet): Registry {
  const made = new WeakMap<ReadyVersion, ReadyVersion>();
  const withQueue = (version: ReadyVersion): ReadyVersion => {
    const known = made.get(version);
    if (known) return known;
    const { scheduler, model } = version;
    const full: ReadyVersion = {
      ...version,
      scheduler: {
        drain: () => scheduler.drain(),
        schedule(request, answers) {
          if (faults.hit("full", model).length > 0)
            return Promise.reject(new Refusal("UNAVAILABLE", `${requestPrefix(request.id)}Exceeds maximum queue size`));
          return scheduler.schedule(request, answers);
        },
      },
    };
    made.set(version, full);
    return full;
  };
  const away = (model: string): boolean => faults.holds("notReady", model);
  return {
    ...registry,
    find(name, number, how) {
      const version = registry.find(name, number, how);
      if (!away(name)) return withQueue(version);
      const unknown = `Request for unknown model: '${name}'`;
      throw number === -1
        ? new RuntimeFault("NOT_FOUND", `${unknown} has no available versions`)
        : unavailable(`${unknown} version ${number} is not at ready state`);
    },
    ready: () => registry.ready().filter(({ model }) => !away(model)),
    allReady: () => registry.allReady() && !registry.ready().some(({ model }) => away(model)),
    index: async () =>
      (await registry.index()).map(entry =>
        entry.state === "READY" && away(entry.name) ? { ...entry, state: "LOADING" as const } : entry,
      ),
  };
}
