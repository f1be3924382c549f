/** A model's instance groups → its instances, in the order in which schedulers number them: a GPU group has its count on each of its devices. */
import type { ModelConfig } from "../../../triton-protos/model-config.js";

export interface Instance {
  /** As Triton's log calls it. */
  readonly name: string;
  readonly kind: "cpu" | "gpu";
  /** Id of its GPU. */
  readonly device?: number;
}

/** At least one. */
export function instancesOf({ instance_group: groups }: Pick<ModelConfig, "instance_group">): readonly Instance[] {
  const instances = groups.flatMap(({ name, kind, count, gpus }): Instance[] => {
    const devices = kind !== "KIND_GPU" ? [undefined] : gpus.length > 0 ? gpus : [0];
    return devices.flatMap((device, place) =>
      Array.from({ length: count }, (_, i): Instance => {
        const own = `${name}_${place * count + i}`;
        return device === undefined ? { name: own, kind: "cpu" } : { name: own, kind: "gpu", device };
      }),
    );
  });
  return instances.length > 0 ? instances : [{ name: "0", kind: "cpu" }];
}
