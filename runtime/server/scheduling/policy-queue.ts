/**
 * The queue of a batcher: jobs by priority level, each level with its policy for size and waiting time.
 */
import type { ModelDynamicBatching, ModelQueuePolicy } from "../../../triton-protos/gen/messages.js";
import { Refusal } from "../../base/errors.js";
import { requestPrefix } from "../requests/request-prefix.js";
import { type Job, watchAbort } from "./job.js";
import { JobQueue } from "./job-queue.js";
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
  readonly jobs: JobQueue;
  /** Jobs that waited too long and, with the action DELAY, are after all others of the level. */
  readonly late: JobQueue;
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

/** The levels of a queue that have jobs, in order: a configuration may have 2^64. */
class Levels {
  readonly #batching: Partial<ModelDynamicBatching>;
  readonly #levels: Level[] = [];

  constructor(batching: Partial<ModelDynamicBatching>) {
    this.#batching = batching;
  }

  /** The level of a job, which is made if it has none. */
  of({ request }: Job): Level {
    const { priority_levels: count = 0, default_priority_level: usual } = this.#batching;
    const { priority } = request.controls;
    if (count === 0) return this.#find(0);
    const isUsual = priority === 0n || priority > BigInt(count);
    return this.#find(isUsual ? usual! : Number(priority));
  }

  dropIfEmpty({ number, jobs, late }: Level): void {
    if (number > 0 && jobs.size + late.size === 0) this.#levels.splice(this.#placeOf(number), 1);
  }

  /** In the order they run. */
  *jobs(): Iterable<Job> {
    for (const { jobs, late } of this.#levels) {
      yield* jobs;
      yield* late;
    }
  }

  #find(number: number): Level {
    const place = this.#placeOf(number);
    const found = this.#levels[place];
    if (found?.number === number) return found;
    const { default_queue_policy: usual = NO_POLICY, priority_queue_policy: own } = this.#batching;
    const policy = (number > 0 ? own?.[number] : undefined) ?? usual;
    const made: Level = { number, policy, jobs: new JobQueue(), late: new JobQueue() };
    this.#levels.splice(place, 0, made);
    return made;
  }

  /** The index of a level, or the index for it. */
  #placeOf(number: number): number {
    let [from, to] = [0, this.#levels.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#levels[middle]!.number < number) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

/** @param onChange called when a job has left on its own, by time-out or cancellation, or has moved behind the others */
export function createPolicyQueue(batching: Partial<ModelDynamicBatching>, onChange: () => void): PolicyQueue {
  const levels = new Levels(batching);
  const expired = new Set<Job>();
  let size = 0;
  const remove = (job: Job): void => {
    job.leave?.();
    job.leave = undefined;
    expired.delete(job);
    size--;
  };
  return {
    add(job) {
      const own = levels.of(job);
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
      job.leave = () => {
        if (timer) clearTimeout(timer);
        job.forget?.();
        own.jobs.delete(job);
        own.late.delete(job);
        levels.dropIfEmpty(own);
      };
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
    jobs: () => levels.jobs(),
  };
}

/** A request may shorten the time it waits, not lengthen it. */
function timeoutOf({ request }: Job, policy: ModelQueuePolicy): number {
  const own = Number(request.controls.timeout);
  const given = policy.default_timeout_microseconds;
  return policy.allow_timeout_override && own > 0 && own < given ? own : given;
}
