/**
 * Settings → what of a model's configuration they become.
 */
import type { ModelConfigInit } from "../../../triton-protos/model-config.js";
import type { Settings } from "./read-settings.js";

type Groups = NonNullable<Settings["instanceGroups"]>;

const KINDS = { auto: "KIND_AUTO", cpu: "KIND_CPU", gpu: "KIND_GPU" } as const;

export const instanceGroups = (groups: Groups | undefined): Pick<ModelConfigInit, "instance_group"> =>
  groups
    ? {
        instance_group: groups.map(({ count, kind, gpus }) => ({
          count,
          kind: KINDS[kind],
          ...(gpus && { gpus: [...gpus] }),
        })),
      }
    : {};

export function dynamicBatching({ dynamicBatching: given }: Settings): Pick<ModelConfigInit, "dynamic_batching"> {
  if (!given) return {};
  const { queuePolicy: policy } = given;
  return {
    dynamic_batching: {
      preferred_batch_size: given.preferredBatchSize,
      max_queue_delay_microseconds: given.maxQueueDelayMicroseconds,
      preserve_ordering: given.preserveOrdering,
      priority_levels: given.priorityLevels,
      default_priority_level: given.defaultPriorityLevel,
      default_queue_policy: policy && {
        timeout_action: policy.timeoutAction && (policy.timeoutAction === "delay" ? "DELAY" : "REJECT"),
        default_timeout_microseconds: policy.timeoutMicroseconds,
        allow_timeout_override: policy.allowTimeoutOverride,
        max_queue_size: policy.maxQueueSize,
      },
    },
  };
}

/** Triton's ensembles have no queue, no instances and no warm-up of their own. */
export function ensembleNotes({ dynamicBatching: queue, warmup, responseCache }: Settings): string[] {
  const left = [queue && "dynamicBatching", warmup.length > 0 && "warmup", responseCache && "responseCache"].filter(
    name => typeof name === "string",
  );
  return left.map(name => `\`${name}\` is left out: a Triton ensemble has none. It counts with \`--layout executor\`.`);
}
