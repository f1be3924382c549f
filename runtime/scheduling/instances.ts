/**
 * The instances of a model: jobs → one execution on a free instance, counted, every job settled.
 */
import type { BackendRequest, BackendResponse, LoadedModel } from "../backends/backend.js";
import { RuntimeFault } from "../errors.js";
import { recordExecution, type VersionStatistics } from "../statistics.js";
import { startClock } from "./execution-clock.js";
import type { InstanceGate } from "./rate-limiter.js";
import type { Answers, Executed } from "./scheduler.js";

/** A request on its way through a scheduler. */
export interface Job {
  readonly request: BackendRequest;
  readonly answers?: Answers | undefined;
  /** Nanoseconds, on the clock of `now`. */
  readonly arrived: number;
  resolve(done: Executed): void;
  reject(fault: unknown): void;
  /** Queues the request once more; only iterative sequences have it. */
  again?(response: BackendResponse): void;
  /** Stops listening to the request's signal; a stream's requests share one. */
  forget?: () => void;
}

export interface Instances {
  /** How many instances are idle. */
  free(): number;
  /** Runs the jobs as one batch; call it only while an instance is free. */
  run(jobs: readonly Job[], only?: number): void;
  /** Whether this instance is idle. */
  isFree(instance: number): boolean;
  /** Resolves when nothing runs. */
  idle(): Promise<void>;
}

/** Nanoseconds since some start. */
export const now = (): number => performance.now() * 1e6;

/** Calls `onAbort` when the client gives up while the job waits; `job.forget` ends that. */
export function watchAbort(job: Job, onAbort: () => void): void {
  const { signal } = job.request;
  if (!signal) return;
  signal.addEventListener("abort", onAbort, { once: true });
  job.forget = () => signal.removeEventListener("abort", onAbort);
}

/**
 * @param onFree called whenever an instance has become idle, or may run again
 * @param gate what else an instance needs to run
 */
export function createInstances(
  model: LoadedModel,
  count: number,
  stats: VersionStatistics,
  onFree: () => void,
  gate?: InstanceGate,
): Instances {
  const idle: number[] = Array.from({ length: count }, (_, i) => count - 1 - i);
  const waiting: (() => void)[] = [];
  /** Jobs of decoupled models whose instance is free but whose answers are not complete. */
  let open = 0;
  const wake = (): void => {
    if (waiting.length > 0 && idle.length === count && open === 0) for (const resolve of waiting.splice(0)) resolve();
  };
  const mayRun = (instance: number): boolean => gate?.mayRun(instance) ?? true;
  gate?.onFree(onFree);
  const release = (instance: number): void => {
    idle.push(instance);
    gate?.give(instance);
    onFree();
    wake();
  };
  const opened = (change: number): void => {
    open += change;
    if (change < 0) wake();
  };
  return {
    free: () => (gate ? idle.filter(mayRun).length : idle.length),
    isFree: instance => idle.includes(instance) && mayRun(instance),
    run(jobs, only) {
      const place = only === undefined ? idle.findLastIndex(mayRun) : idle.indexOf(only);
      const [instance] = idle.splice(place, 1) as [number];
      gate?.take(instance);
      const execution = model.stream
        ? runStream(model, jobs, instance, stats, opened)
        : runBatch(model, jobs, instance, stats);
      void execution.then(() => release(instance));
    },
    idle: () =>
      idle.length === count && open === 0 ? Promise.resolve() : new Promise(resolve => waiting.push(resolve)),
  };
}

function runAgain(job: Job, answer: BackendResponse): void {
  if (job.again) job.again(answer);
  else
    job.reject(
      new RuntimeFault(
        "INVALID_ARGUMENT",
        "the model reschedules a request; only a model with `iterative_sequence: true` in its sequence batching may",
      ),
    );
}

const rowsOf = (jobs: readonly Job[]): number =>
  jobs.length === 1 ? jobs[0]!.request.batch : jobs.reduce((sum, { request }) => sum + request.batch, 0);

async function runBatch(
  model: LoadedModel,
  jobs: readonly Job[],
  instance: number,
  stats: VersionStatistics,
): Promise<void> {
  const started = now();
  const clock = startClock(started);
  let answers: readonly (BackendResponse | RuntimeFault)[];
  try {
    const requests = jobs.length === 1 ? [jobs[0]!.request] : jobs.map(job => job.request);
    answers = await model.execute(requests, instance, clock);
  } catch (error) {
    // A model that throws has run: the execution counts, its requests do not.
    recordExecution(stats, rowsOf(jobs), clock.times());
    for (const job of jobs) job.reject(error);
    return;
  }
  const times = clock.times();
  if (answers.some(answer => answer && !(answer instanceof Error))) recordExecution(stats, rowsOf(jobs), times);
  for (const [i, job] of jobs.entries()) {
    const answer = answers[i];
    if (answer === undefined) job.reject(new RuntimeFault("INTERNAL", "expected a single response, got 0"));
    else if (answer instanceof Error) job.reject(answer);
    else if (answer.again) runAgain(job, answer);
    else job.resolve({ response: answer, queueNs: started - job.arrived, times });
  }
}

async function runStream(
  model: LoadedModel,
  jobs: readonly Job[],
  instance: number,
  stats: VersionStatistics,
  opened: (change: number) => void,
): Promise<void> {
  const started = now();
  const pending = new Set(jobs);
  opened(jobs.length);
  const settle = (job: Job, fault?: unknown): void => {
    if (!pending.delete(job)) return;
    const times = { input: 1, infer: now() - started, output: 1 };
    if (fault === undefined) job.resolve({ queueNs: started - job.arrived, times });
    else job.reject(fault);
    opened(-1);
  };
  const requests = jobs.map(job => job.request);
  try {
    await model.stream!(
      requests,
      (index, answer) => {
        const job = jobs[index];
        if (!job || !pending.has(job)) return;
        if (answer === undefined) settle(job);
        else if (!(answer instanceof Error) && answer.again) {
          pending.delete(job);
          opened(-1);
          runAgain(job, answer);
        } else job.answers?.(answer);
      },
      instance,
    );
  } catch (error) {
    for (const job of jobs) settle(job, error);
  }
  recordExecution(stats, rowsOf(jobs), { input: 1, infer: now() - started, output: 1 });
}
