/**
 * A configuration, requests and a model for tests of the schedulers: the model notes the rows of each execution.
 */
import type { Cancellation } from "#runtime/base/cancellation.js";
import type { BackendRequest, LoadedModel } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { type Controls, NO_CONTROLS } from "#runtime/server/requests/controls.js";
import { createScheduler, type SchedulerParts } from "#runtime/server/scheduling/create-scheduler.js";
import { complete } from "#triton-protos/complete-message.js";
import type { ModelConfig, ModelConfigInit } from "#triton-protos/model-config.js";

export const configOf = (init: ModelConfigInit): ModelConfig =>
  complete("inference.ModelConfig", {
    name: "m",
    input: [{ name: "IN", data_type: "TYPE_INT32", dims: [-1] }],
    output: [{ name: "OUT", data_type: "TYPE_INT32", dims: [-1] }],
    ...init,
  } as ModelConfig);

export interface Asked {
  readonly rows?: number;
  readonly width?: number;
  readonly controls?: Partial<Controls>;
  readonly signal?: Cancellation;
}

export function requestOf(id: string, { rows = 1, width = 1, controls, signal }: Asked = {}): BackendRequest {
  const shape = [rows, width];
  const data = new Uint8Array(new Int32Array(rows * width).fill(Number(id) || 0).buffer);
  return {
    id,
    parameters: new Map(),
    controls: { ...NO_CONTROLS, ...controls },
    batch: rows,
    inputs: new Map([["IN", { name: "IN", datatype: "INT32", shape, data }]]),
    requestedOutputs: new Set(["OUT"]),
    ...(signal && { signal }),
  };
}

export interface NotedModel extends LoadedModel {
  /** Ids of each execution, in order. */
  readonly batches: string[][];
  /** Lets the oldest execution that waits end, or the next one that begins. */
  release(): void;
}

/** @param held executions wait for `release` */
export function notedModel(held = false): NotedModel {
  const batches: string[][] = [];
  const gates: (() => void)[] = [];
  let released = 0;
  return {
    batches,
    release: () => {
      const open = gates.shift();
      if (open) open();
      else released++;
    },
    async execute(requests) {
      batches.push(requests.map(request => request.id));
      if (released > 0) released--;
      else if (held) await new Promise<void>(resolve => gates.push(resolve));
      return requests.map(request => ({ outputs: [{ ...request.inputs.get("IN")!, name: "OUT" }] }));
    },
  };
}

/** A few turns of the event loop: what needs no time to pass has happened then, however busy the machine is. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve));
}

export const schedulerOf = (config: ModelConfig, model: LoadedModel, parts: Partial<SchedulerParts> = {}) =>
  createScheduler(config, model, { stats: createStatistics(), folder: "/nowhere", ...parts });
