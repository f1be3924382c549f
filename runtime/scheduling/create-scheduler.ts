/**
 * The scheduler that a model's configuration asks for.
 */
import type { ModelConfig } from "../../triton-protos/model-config.js";
import type { LoadedModel } from "../backends/backend.js";
import type { VersionStatistics } from "../statistics.js";
import { directScheduler } from "./direct.js";
import { dynamicScheduler } from "./dynamic.js";
import type { Scheduler } from "./scheduler.js";

/** Requests of an ensemble wait in the queues of its members, not in one of its own. */
const UNBOUNDED = 4096;

export function createScheduler(config: ModelConfig, model: LoadedModel, stats: VersionStatistics): Scheduler {
  const count = config.instance_group.reduce((sum, group) => sum + group.count, 0) || 1;
  if (config.dynamic_batching)
    return dynamicScheduler(config, model, count, stats, Number(process.env.TRITONSERVER_DELAY_SCHEDULER ?? "0") || 0);
  return directScheduler(model, config.ensemble_scheduling ? UNBOUNDED : count, stats);
}
