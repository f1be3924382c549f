/**
 * Middleware between a server and its models: a layer chooses other backends, wraps executions and the steps of plans, or hides models. Mocks, replacements,
 * faults and recordings are layers; a server without any pays nothing for them.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { Prepare, StepMiddleware } from "../../engine/schedule/step-middleware.js";
import type { Backend } from "../backends/backend.js";
import type { Registry } from "./registry-types.js";

export interface VersionPlace {
  readonly config: ModelConfig;
  /** The version directory, which need not be there. */
  readonly folder: string;
}

export interface ModelMiddleware {
  /** @param choose returns the backend of the configuration, or throws */
  backend?(place: VersionPlace, choose: () => Promise<Backend>): Promise<Backend>;
  step?: StepMiddleware;
  registry?(registry: Registry): Registry;
  /** The backend of a model that names none; a model without a version folder has version 1 then. */
  readonly assume?: string;
}

/** Several layers as one; the first is the outermost. */
export function layered(layers: readonly ModelMiddleware[]): ModelMiddleware {
  const backends = layers.flatMap(layer => (layer.backend ? [layer.backend] : []));
  const steps = layers.flatMap(layer => (layer.step ? [layer.step] : []));
  const assume = layers.find(layer => layer.assume !== undefined)?.assume;
  return {
    ...(backends.length > 0 && {
      backend: (place, choose) => backends.reduceRight<typeof choose>((next, act) => () => act(place, next), choose)(),
    }),
    ...(steps.length > 0 && {
      step: (place, prepare) => steps.reduceRight<Prepare>((next, act) => () => act(place, next), prepare)(),
    }),
    registry: registry => layers.reduceRight((inner, layer) => layer.registry?.(inner) ?? inner, registry),
    ...(assume !== undefined && { assume }),
  };
}
