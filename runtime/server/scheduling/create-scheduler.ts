/**
 * A loaded model → warmed up, with the scheduler of its configuration.
 */

import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { cacheKey, type ResponseCache } from "../cache/local-cache.js";
import type { LoadedModel } from "../contract.js";
import type { ServerLog } from "../observe/server-log.js";
import type { VersionStatistics } from "../observe/statistics.js";
import { directScheduler } from "./direct.js";
import { dynamicScheduler } from "./dynamic.js";
import { instancesOf } from "./instance-groups.js";
import { now } from "./job.js";
import type { InstanceGate, RateLimiter } from "./rate-limiter.js";
import type { Scheduler } from "./scheduler.js";
import { sequenceScheduler } from "./sequence.js";
import { sequenceInputs } from "./sequence-inputs.js";
import { warmUp } from "./warm-up.js";

/** Requests of an ensemble wait in the queues of its members, not in one of its own. */
const UNBOUNDED = 4096;

let nextLoad = 1;

export interface SchedulerParts {
  readonly stats: VersionStatistics;
  /** The version directory. */
  readonly folder: string;
  readonly cache?: ResponseCache | undefined;
  readonly limiter?: RateLimiter | undefined;
  readonly log?: ServerLog | undefined;
  /** Counts the warm-ups. Default: `stats` */
  readonly warmUps?: VersionStatistics;
}

/** @throws RuntimeFault when a warm-up sample fails; the model is closed then */
export async function createScheduler(
  config: ModelConfig,
  model: LoadedModel,
  { stats, folder, cache, limiter, log, warmUps = stats }: SchedulerParts,
): Promise<Scheduler> {
  let gate: InstanceGate | undefined;
  try {
    gate = config.ensemble_scheduling ? undefined : registered(config, limiter, log);
    await warmUp(config, model, warmUps, folder, log);
    const scheduler = closing(await chooseScheduler(config, model, stats, folder, gate), gate);
    return cache && config.response_cache?.enable
      ? cachedScheduler(scheduler, cache, config.name, nextLoad++, text => log?.error("dynamic_batch_scheduler", text))
      : scheduler;
  } catch (error) {
    gate?.close();
    await model.close?.();
    throw error;
  }
}

function registered(config: ModelConfig, limiter: RateLimiter | undefined, log: ServerLog | undefined) {
  try {
    return limiter?.register(config);
  } catch (error) {
    // Triton takes out what it did not put in.
    log?.error(
      "rate_limiter",
      "Cannot remove instance from resource manager: Internal: Cannot find the instance to remove",
    );
    throw error;
  }
}

/** A model that is unloaded needs no resources. */
const closing = (scheduler: Scheduler, gate: InstanceGate | undefined): Scheduler =>
  gate
    ? {
        schedule: (request, answers) => scheduler.schedule(request, answers),
        ...(scheduler.openSequences && { openSequences: scheduler.openSequences }),
        drain: () => scheduler.drain().finally(() => gate.close()),
      }
    : scheduler;

async function chooseScheduler(
  config: ModelConfig,
  model: LoadedModel,
  stats: VersionStatistics,
  folder: string,
  gate?: InstanceGate,
): Promise<Scheduler> {
  const count = instancesOf(config).length;
  // The two hooks that Triton's own tests of batching need, under Triton's names.
  const queued = numberFrom(process.env.TRITONSERVER_DELAY_SCHEDULER);
  const backlog = numberFrom(process.env.TRITONSERVER_BACKLOG_DELAY_SCHEDULER);
  if (config.ensemble_scheduling) return directScheduler(model, UNBOUNDED, stats);
  if (config.sequence_batching)
    return sequenceScheduler(
      config,
      model,
      count,
      stats,
      await sequenceInputs(config, folder),
      { queued, backlog },
      gate,
    );
  if (config.dynamic_batching) return dynamicScheduler(config, model, count, stats, queued, gate);
  return directScheduler(model, count, stats, gate);
}

const numberFrom = (text: string | undefined): number => Number(text ?? "0") || 0;

const NOTHING = { input: 0, infer: 0, output: 0 };

/**
 * A scheduler whose answers are kept: a request that was answered before is not scheduled again.
 * @param load sets this load of the version apart from others: a model that is loaded again starts with nothing
 * @param onRefused takes why an answer is not kept
 */
function cachedScheduler(
  inner: Scheduler,
  cache: ResponseCache,
  model: string,
  load: number,
  onRefused: (text: string) => void = () => {},
): Scheduler {
  return {
    ...(inner.openSequences && { openSequences: inner.openSequences }),
    drain: () => inner.drain(),
    async schedule(request, answers) {
      const started = now();
      const key = cacheKey(model, load, request);
      const response = cache.get(key);
      const looked = now() - started;
      if (response) return { response, queueNs: 1, times: NOTHING, cache: { hit: true, ns: looked } };
      const done = await inner.schedule(request, answers);
      const kept = now();
      const refused = done.response && !done.response.error ? cache.put(key, done.response) : undefined;
      if (refused !== undefined) onRefused(`Failed to insert key [${key}] into response cache: ${refused}`);
      return { ...done, cache: { hit: false, ns: looked + now() - kept } };
    },
  };
}
