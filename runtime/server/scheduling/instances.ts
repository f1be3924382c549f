/**
 * The instances of a model: jobs → one execution on a free instance, counted, every job settled.
 */

import { inBackground } from "../../base/in-background.js";
import type { LoadedModel } from "../contract.js";
import type { VersionStatistics } from "../observe/statistics.js";
import { type RunningClock, startClock } from "./execution-clock.js";
import { type Job, watchAbort } from "./job.js";
import type { InstanceGate } from "./rate-limiter.js";
import { cancelled } from "./refusals.js";
import { runBatch, runStream } from "./run-jobs.js";

export interface Instances {
  /** How many idle instances may run what waits for them. */
  free(): number;
  /** Whether an instance that is not idle takes one more execution, to begin it without another message. */
  hasRoom(): boolean;
  /** Runs the jobs as one batch; call it only while an instance is free, or has room. */
  run(jobs: readonly Job[], only?: number): void;
  isIdle(instance: number): boolean;
  /** Whether an idle instance may run what waits for it. */
  mayRun(instance: number): boolean;
  /** Resolves when nothing runs. */
  idle(): Promise<void>;
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
  /** Executions that each instance has been handed; the first one runs. */
  const flights: RunningClock[][] = Array.from({ length: count }, () => []);
  const waiting: (() => void)[] = [];
  /** Jobs of decoupled models whose instance is free but whose answers are not complete. */
  let open = 0;
  const wake = (): void => {
    if (waiting.length > 0 && idle.length === count && open === 0) for (const resolve of waiting.splice(0)) resolve();
  };
  const mayRun = (instance: number): boolean => gate?.mayRun(instance) ?? true;
  gate?.onFree(onFree);
  const opened = (change: number): void => {
    open += change;
    if (change < 0) wake();
  };
  const roomiest = (): number | undefined => (gate ? undefined : roomiestOf(model, flights));
  /** Among the idle, of the instance that runs next; -1 for none. */
  const nextPlace = (): number =>
    gate
      ? idle.reduce((best, one, place) => (mayRun(one) && isBefore(gate, one, idle[best]) ? place : best), -1)
      : idle.length - 1;
  const launch = (jobs: readonly Job[], instance: number): void => {
    const flight = flights[instance]!;
    const clock = flight.length > 0 ? waitInLine(jobs, stats) : startClock();
    if (flight.length === 0) noteExecuting(jobs);
    flight.push(clock);
    const execution = model.stream
      ? runStream(model, jobs, instance, stats, opened)
      : runBatch(model, jobs, instance, stats, clock);
    const after = execution.then(ran => {
      flight.splice(flight.indexOf(clock), 1);
      if (ran === false) {
        // It no longer waits here.
        clock.begun();
        launchAgain(jobs, instance);
      }
      release(instance);
    });
    inBackground(after, "an execution");
  };
  /** An execution that an instance gave back: its client has disconnected, another instance is idle, or its thread has ended. */
  const launchAgain = (jobs: readonly Job[], from: number): void => {
    const left = jobs.filter(({ request }) => !request.signal?.aborted);
    if (left.length > 0) launch(left, idle.pop() ?? roomiest() ?? from);
  };
  const release = (instance: number): void => {
    if (flights[instance]!.length === 0) {
      idle.push(instance);
      gate?.give(instance);
    }
    onFree();
    // Nothing waits for this one: relieve the instance with the longest queue of its own.
    if (model.ahead && idle.at(-1) === instance && count > 1) relieveLongest(flights);
    wake();
  };
  return {
    free: () => (gate ? idle.filter(mayRun).length : idle.length),
    hasRoom: () => roomiest() !== undefined,
    isIdle: instance => idle.includes(instance),
    mayRun,
    run(jobs, only) {
      const place = only === undefined ? nextPlace() : idle.indexOf(only);
      const [instance = roomiest()!] = place === -1 ? [] : idle.splice(place, 1);
      gate?.take(instance, only === undefined);
      launch(jobs, instance);
    },
    idle: () =>
      idle.length === count && open === 0 ? Promise.resolve() : new Promise(resolve => waiting.push(resolve)),
  };
}

/** The instance with the shortest queue of its own, if that has room. */
function roomiestOf(model: LoadedModel, flights: readonly (readonly RunningClock[])[]): number | undefined {
  if (!model.ahead) return undefined;
  let best: number | undefined;
  for (const [instance, { length }] of flights.entries())
    if (length < model.ahead(instance) && (best === undefined || length < flights[best]!.length)) best = instance;
  return best;
}

/** Takes the last execution back of the instance that has the longest queue of its own. */
function relieveLongest(flights: readonly (readonly RunningClock[])[]): void {
  const longest = flights.reduce((best, one) => (one.length > best.length ? one : best));
  if (longest.length > 1) longest.at(-1)!.execution?.takeBack();
}

const isBefore = (gate: InstanceGate, one: number, other: number | undefined): boolean =>
  other === undefined || gate.share(one) <= gate.share(other);

function noteExecuting(jobs: readonly Job[]): void {
  for (const { request } of jobs) request.states?.to("EXECUTING");
}

/** Jobs for an instance that still runs others: pending until they begin, cancelled when their client disconnects. */
function waitInLine(jobs: readonly Job[], stats: VersionStatistics): RunningClock {
  stats.pending += jobs.length;
  let counted = true;
  const leave = (): void => {
    if (counted) stats.pending -= jobs.length;
    counted = false;
    for (const job of jobs) job.forget?.();
  };
  const clock = startClock(() => {
    leave();
    noteExecuting(jobs);
  });
  for (const job of jobs)
    watchAbort(job, () => {
      if (!clock.execution?.takeBack()) return;
      leave();
      job.reject(cancelled());
    });
  return clock;
}
