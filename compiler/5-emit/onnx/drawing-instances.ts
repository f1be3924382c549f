/**
 * Steps of a graph → instance groups that draw independently: one instance, where a step draws. ONNX Runtime seeds its random numbers once a
 * process, so two instances of a model draw the same, request after request. Without a group Triton's ONNX Runtime has two instances on a CPU.
 */

import type { AnyStep } from "../../../contract/plan.js";
import { draws } from "../../../contract/step-facts.js";
import type { Settings } from "../settings/read-settings.js";

type Groups = Settings["instanceGroups"];

/** @param groups as the author set them */
export function drawingInstances(
  steps: readonly AnyStep[],
  groups: Groups,
  note: (text: string) => void,
): NonNullable<Groups> | undefined {
  const drawing = steps.find(draws);
  if (!drawing) return groups;
  const [first] = groups ?? [];
  if (groups && (groups.length > 1 || first!.count > 1 || (first!.gpus?.length ?? 0) > 1))
    note(
      `step \`${drawing.label}\` draws, and all instances of a graph draw the same random numbers: its model has one instance instead of those in \`instanceGroups\`.`,
    );
  const { kind = "auto", gpus } = first ?? {};
  return [{ count: 1, kind, ...(gpus && { gpus: gpus.slice(0, 1) }) }];
}
