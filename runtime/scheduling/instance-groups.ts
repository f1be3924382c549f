/** A model's instance groups → its instances, in the order in which schedulers number them: a GPU group has its count on each of its devices. */
import type { ModelConfig } from "../../triton-protos/model-config.js";

export interface Instance {
  readonly kind: "cpu" | "gpu";
  /** Id of its GPU. */
  readonly device?: number;
}

/** At least one. */
export function instancesOf({ instance_group: groups }: Pick<ModelConfig, "instance_group">): readonly Instance[] {
  const instances = groups.flatMap(({ kind, count, gpus }): Instance[] => {
    if (kind !== "KIND_GPU") return Array.from({ length: count }, () => ({ kind: "cpu" }));
    return (gpus.length > 0 ? gpus : [0]).flatMap(device =>
      Array.from({ length: count }, (): Instance => ({ kind: "gpu", device })),
    );
  });
  return instances.length > 0 ? instances : [{ kind: "cpu" }];
}
