/**
 * Which models an ensemble's steps mean, where several repositories may have a model of one name.
 */
import { idText } from "./model-ids.js";
import type { PolledModel } from "./polled-model.js";

/** @param namespaceOf the repository of a member */
export function linkMembers(polled: PolledModel, namespaceOf: (member: string) => string): PolledModel {
  const { ensemble_scheduling: scheduling } = polled.config;
  if (!scheduling) return polled;
  const step = scheduling.step.map(one => ({ ...one, model_namespace: namespaceOf(one.model_name) }));
  return { ...polled, config: { ...polled.config, ensemble_scheduling: { ...scheduling, step } } };
}

/** Keys of the models that a linked ensemble has as its members; names of other dependencies. */
export const membersOf = ({ config, dependencies }: PolledModel): readonly string[] =>
  config.ensemble_scheduling
    ? [
        ...new Set(
          config.ensemble_scheduling.step.map(({ model_name: name, model_namespace: namespace }) =>
            idText({ namespace, name }),
          ),
        ),
      ]
    : dependencies;
