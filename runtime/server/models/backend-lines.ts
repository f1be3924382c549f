/**
 * The lines that a back end of Triton's writes about itself, its models and their instances, which readers of its log search for.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { ModelVersion } from "../../base/model-version.js";
import { hasBackend } from "../backends/index.js";
import type { ServerLog } from "../observe/server-log.js";
import type { Gpus } from "./gpus.js";

/** Version of Triton's interface for back ends in 2.73. */
const API_VERSION = "1.19";

/** The first time that a model names the back end. */
export function logBackendStart(log: ServerLog, backend: string): void {
  log.info(backend, `TRITONBACKEND_Initialize: ${backend}`);
  log.info(backend, `Triton TRITONBACKEND API version: ${API_VERSION}`);
  log.info(backend, `'${backend}' TRITONBACKEND API version: ${API_VERSION}`);
}

type Described = Pick<ModelConfig, "name" | "backend" | "instance_group">;

export function logModelStart(log: ServerLog | undefined, { name, backend }: Described, version: ModelVersion): void {
  if (hasBackend(backend)) log?.info(backend, `TRITONBACKEND_ModelInitialize: ${name} (version ${version})`);
}

/** @param gpus those of the server: with `--gpu cpu` there are none, and the instances are the CPU's */
export function logInstanceStarts(log: ServerLog | undefined, config: Described, gpus?: Gpus): void {
  if (hasBackend(config.backend))
    for (const instance of instanceNames(config, gpus?.onCpu === true))
      log?.info(config.backend, `TRITONBACKEND_ModelInstanceInitialize: ${instance}`);
}

export function logModelEnd(log: ServerLog | undefined, config: Described): void {
  if (!hasBackend(config.backend)) return;
  for (const _ of instanceNames(config))
    log?.info(config.backend, "TRITONBACKEND_ModelInstanceFinalize: delete instance state");
  log?.info(config.backend, "TRITONBACKEND_ModelFinalize: delete model state");
}

/** `GROUP_0 (CPU device 0)`; a group on several GPUs has an instance of each name on each. */
function instanceNames({ name, backend, instance_group }: Described, onCpu = false): string[] {
  // Requests that a plan runs side by side, not sessions: one line for all of a group.
  if (backend === "merlon")
    return instance_group.map(
      ({ name: group, count }) =>
        `${group || name}_0${count > 1 ? ` to ${group || name}_${count - 1}` : ""} (CPU device 0)`,
    );
  return instance_group.flatMap(group =>
    Array.from({ length: group.count }, (_, i) => `${group.name || name}_${i}`).flatMap(instance =>
      group.kind === "KIND_GPU" && !onCpu
        ? group.gpus.map(gpu => `${instance} (GPU device ${gpu})`)
        : [`${instance} (${group.kind === "KIND_MODEL" ? "MODEL" : "CPU"} device 0)`],
    ),
  );
}
