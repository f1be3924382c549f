/** A fault or a double of a model that no repository has would hit nothing, and a test with it would pass for nothing. */
import { editDistance } from "../../../contract/edit-distance.js";
import { RuntimeFault } from "../../base/errors.js";
import type { Registry } from "../models/registry-types.js";
import type { CheckedFault } from "./fault.js";

/** A name longer than any in a folder has no near match. */
const LONGEST = 255;

/** @param what is of the models, for the message @throws RuntimeFault NOT_FOUND naming the models that there are, the nearest first */
export async function requireModels(
  faults: readonly Pick<CheckedFault, "model">[],
  registry: Pick<Registry, "index">,
  what = "fault",
): Promise<void> {
  if (faults.every(({ model }) => model === "*")) return;
  const known = new Set((await registry.index()).map(({ name }) => name));
  for (const { model } of faults) {
    if (model === "*" || known.has(model)) continue;
    const near = (name: string): number => editDistance(name, model.slice(0, LONGEST));
    const names = [...known]
      .slice(0, 1000)
      .map(name => ({ name, distance: near(name) }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, 5)
      .map(({ name }) => `'${name}'`);
    throw new RuntimeFault(
      "NOT_FOUND",
      `a ${what} is of model '${model.slice(0, LONGEST)}', and no repository has it; there ${names.length === 0 ? "is none" : `${names.length === 1 ? "is" : "are"} ${names.join(", ")}`}`,
    );
  }
}
