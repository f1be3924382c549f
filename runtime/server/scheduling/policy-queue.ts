/**
 * The queue of a batcher: jobs by priority level, each level with its policy for size and waiting time.
 */
import type { ModelDynamicBatching, ModelQueuePolicy } from "../../../triton-protos/gen/messages.js";
import { Refusal } from "../../base/errors.js";
import { requestPrefix } from "../requests/request-prefix.js";
import { type Job, watchAbort } from "./job.js";
import { cancelled, timedOut } from "./refusals.js";
import { timerDelay } from "./timer-delay.js";

const NO_POLICY: ModelQueuePolicy = {
  timeout_action: "REJECT",
  default_timeout_microseconds: 0,
  allow_timeout_override: false,
  max_queue_size: 0,
};

interface Level {
  /** From 1, the most urgent; 0 where the configuration has no levels. */
  readonly number: number;
  readonly policy: ModelQueuePolicy;
  readonly jobs: Set<Job>;
  /** Jobs that waited too long and, with the action DELAY, come after all others of the level. */
  readonly late: Set<Job>;
}

export interface PolicyQueue {
  /** @throws RuntimeFault when the level is full */
  add(job: Job): void;
  /** Takes a job that is about to run out of the queue. */
  take(job: Job): void;
  /** Answers the jobs whose time is over. Triton does that when it looks for a batch, and every half second while no instance is free. */
  refuseExpired(): void;
  readonly hasExpired: boolean;
  readonly size: number;
  /** In the order they run. */
  jobs(): Iterable<Job>;
}

/** @param onChange called when a job has left on its own, by time-out or cancellation, or has moved behind the others */
export function createPolicyQueue(batching: Partial<ModelDynamicBatching>, onChange: () => void): PolicyQueue {
  const count = batching.priority_levels ?? 0;
  const { default_queue_policy: usual = NO_POLICY, priority_queue_policy: own } = batching;
  /** Levels that have jobs, in order: a configuration may have 2^64. */
  const levels: Level[] = [];
  /** Where a level is, or would be. */
  const placeOf = (number: number): number => {
    let [from, to] = [0, levels.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (levels[middle]!.number < number) from = middle + 1;
      else to = middle;
    }
    return from;
  };
  const findLevel = (number: number): Level => {
    const place = placeOf(number);
    const found = levels[place];
    if (found?.number === number) return found;
    const policy = (number > 0 ? own?.[number] : undefined) ?? usual;
    const made: Level = { number, policy, jobs: new Set(), late: new Set() };
    levels.splice(place, 0, made);
    return made;
  };
  const dropIfEmpty = ({ number, jobs, late }: Level): void => {
    if (number > 0 && jobs.size + late.size === 0) levels.splice(placeOf(number), 1);
  };
  const leave = new Map<Job, () => void>();
  const expired = new Set<Job>();
  let size = 0;

  const levelOf = ({ request }: Job): Level => {
    const { priority } = request.controls;
    const isUsual = priority === 0n || priority > BigInt(count);
    return findLevel(count === 0 ? 0 : isUsual ? batching.default_priority_level! : Number(priority));
  };
  const remove = (job: Job): void => {
    leave.get(job)?.();
    leave.delete(job);
    expired.delete(job);
    size--;
  };
  return {
    add(job) {
      const own = levelOf(job);
      const { policy } = own;
      if (policy.max_queue_size > 0 && own.jobs.size + own.late.size >= policy.max_queue_size)
        throw new Refusal("UNAVAILABLE", `${requestPrefix(job.request.id)}Exceeds maximum queue size`);
      own.jobs.add(job);
      size++;
      const micros = timeoutOf(job, policy);
      const timer =
        micros > 0 &&
        setTimeout(
          () => {
            if (policy.timeout_action === "DELAY") {
              own.jobs.delete(job);
              own.late.add(job);
            } else expired.add(job);
            onChange();
          },
          timerDelay(micros / 1000),
        );
      watchAbort(job, () => {
        remove(job);
        job.reject(cancelled());
        onChange();
      });
      leave.set(job, () => {
        if (timer) clearTimeout(timer);
        job.forget?.();
        own.jobs.delete(job);
        own.late.delete(job);
        dropIfEmpty(own);
      });
    },
    take: remove,
    refuseExpired() {
      for (const job of expired) {
        remove(job);
        // After the answer of an execution that has just freed the instance.
        setTimeout(() => job.reject(timedOut()), 1);
      }
    },
    get hasExpired() {
      return expired.size > 0;
    },
    get size() {
      return size;
    },
    *jobs() {
      for (const { jobs, late } of levels) {
        yield* jobs;
        yield* late;
      }
    },
  };
}

/** A request may shorten the time it waits, not lengthen it. */
function timeoutOf({ request }: Job, policy: ModelQueuePolicy): number {
  const own = Number(request.controls.timeout);
  const given = policy.default_timeout_microseconds;
  return policy.allow_timeout_override && own > 0 && own < given ? own : given;
}
