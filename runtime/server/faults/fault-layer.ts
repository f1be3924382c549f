/**
 * The layer between a server and its models that makes the faults of a set happen.
 */

import type { PreparedKernel } from "../../engine/schedule/kernel.js";
import type { StepPlace } from "../../engine/schedule/step-middleware.js";
import type { ModelMiddleware } from "../models/model-middleware.js";
import { stepsOf } from "../models/stage-names.js";
import type { FaultSet } from "./fault-set.js";
import { executionFault, loadFault } from "./fault-texts.js";
import { faultyModel } from "./faulty-model.js";
import { faultyRegistry } from "./faulty-registry.js";

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
