/**
 * One execution of a batch of jobs: counted, every job settled.
 */

import { internal, invalid } from "../../base/errors.js";
import type { TypedTensor } from "../../base/tensor.js";
import { type BackendResponse, type Executions, type LoadedModel, NOT_BEGUN } from "../contract.js";
import { recordExecution, type VersionStatistics } from "../observe/statistics.js";
import { type RunningClock, startClock } from "./execution-clock.js";
import { type Job, now } from "./job.js";
import type { Computed } from "./scheduler.js";

function runAgain(job: Job, answer: BackendResponse): void {
  if (job.again) job.again(answer);
  else
    job.reject(
      invalid(
        "Request is released with TRITONSERVER_REQUEST_RELEASE_RESCHEDULE: the model reschedules a request; only a model with `iterative_sequence: true` in its sequence batching may",
      ),
    );
}

const rowsOf = (jobs: readonly Job[]): number =>
  jobs.length === 1 ? jobs[0]!.request.batch : jobs.reduce((sum, { request }) => sum + request.batch, 0);

/** @returns false when the execution was given back before it began: the jobs are as they were */
export async function runBatch(
  model: LoadedModel,
  jobs: readonly Job[],
  instance: number,
  stats: VersionStatistics,
  clock: RunningClock,
): Promise<boolean> {
  let answers: Executions;
  try {
    const requests = jobs.length === 1 ? [jobs[0]!.request] : jobs.map(job => job.request);
    const given = model.execute(requests, instance, clock);
    answers = given instanceof Promise ? await given : given;
  } catch (error) {
    if (error === NOT_BEGUN) return false;
    // A model that throws has run: the execution counts, its requests do not.
    recordExecution(stats, rowsOf(jobs), clock.times());
    for (const job of jobs) job.reject(error);
    return true;
  }
  const times = clock.times();
  if (answers.some(answer => answer && !(answer instanceof Error))) recordExecution(stats, rowsOf(jobs), times);
  for (let i = 0; i < jobs.length; i++) {
    const job = jobs[i]!;
    const answer = answers[i];
    if (answer === undefined) job.reject(internal("expected a single response, got 0"));
    else if (answer instanceof Error) job.reject(answer);
    else if (answer.again) runAgain(job, answer);
    else job.resolve({ response: answer, queueNs: clock.started - job.arrived, times });
  }
  return true;
}

/**
 * Runs one request synchronously; it takes no instance, since nothing else runs meanwhile.
 * @returns undefined if the model has no synchronous result @throws RuntimeFault
 */
export function runSync(
  model: LoadedModel,
  rows: number,
  inputs: readonly TypedTensor[],
  wanted: readonly string[],
  stats: VersionStatistics,
): Computed | undefined {
  const clock = startClock();
  const outputs = model.computeSync!(inputs, wanted, clock);
  if (!outputs) return undefined;
  const times = clock.times();
  recordExecution(stats, rows, times);
  return { outputs, times };
}

export async function runStream(
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
