/** One execution of a batch: the settling of each job, the counters, the instance, and a returned execution. */
import { describe, expect, test, vi } from "vitest";
import type { LoadedModel } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { startClock } from "#runtime/server/scheduling/execution-clock.js";
import type { Job } from "#runtime/server/scheduling/job.js";
import { runBatch, runStream } from "#runtime/server/scheduling/run-jobs.js";
import { answered, fault, jobOf, messages } from "./settled-jobs.js";

describe("a batch", () => {
  const run = async (model: Partial<LoadedModel>, jobs: readonly Job[]) => {
    const stats = createStatistics();
    const ran = await runBatch(model as LoadedModel, jobs, 0, stats, startClock());
    return { ran, stats };
  };
  test("settles each job with its answer; one without an answer and one that failed are refused", async () => {
    const jobs = ["1", "2", "3"].map(id => jobOf(id, { rows: 2 }));
    const first = { outputs: [] };
    const { ran, stats } = await run({ execute: async () => [first, undefined as never, fault] }, jobs);
    expect(ran).toBe(true);
    expect(jobs[0]!.done.map(({ response }) => response)).toEqual([first]);
    expect(jobs.map(messages)).toEqual([[], ["expected a single response, got 0"], ["no luck"]]);
    expect(jobs[1]!.faults[0]!.code).toBe("INTERNAL");
    expect([stats.executionCount, [...stats.batches.keys()]]).toEqual([1, [6]]);
  });
  test("that reschedules a job hands it back, or refuses it where nothing takes it", async () => {
    const again: unknown[] = [];
    const jobs = [jobOf("1", {}, { again: answer => void again.push(answer) }), jobOf("2")];
    const more = { outputs: [], again: true } as never;
    await run({ execute: () => [more, more] }, jobs);
    expect(again).toEqual([more]);
    expect(jobs[0]!.done).toEqual([]);
    expect(messages(jobs[1]!)).toEqual([
      "Request is released with TRITONSERVER_REQUEST_RELEASE_RESCHEDULE: the model reschedules a request; only a model with `iterative_sequence: true` in its sequence batching may",
    ]);
    expect(jobs[1]!.faults[0]!.code).toBe("INVALID_ARGUMENT");
  });
});

describe("a stream", () => {
  type Stream = NonNullable<LoadedModel["stream"]>;
  const run = async (stream: Stream, jobs: readonly Job[]) => {
    const stats = createStatistics();
    const changes: number[] = [];
    await runStream({ stream } as unknown as LoadedModel, jobs, 3, stats, change => changes.push(change));
    return { stats, changes };
  };
  test("gives each answer to its job, and settles it once it is complete", async () => {
    const jobs = [jobOf("1", { rows: 2 }), jobOf("2")];
    const { stats, changes } = await run(async (requests, answer, instance) => {
      expect([requests.length, instance]).toEqual([2, 3]);
      answer(1, answered);
      answer(0, fault);
      answer(1, undefined);
      // Late responses, or those without a caller, are ignored.
      answer(1, answered);
      answer(1, undefined);
      answer(7, answered);
      answer(0, undefined);
    }, jobs);
    expect(jobs.map(({ given }) => given)).toEqual([[fault], [answered]]);
    expect(jobs.map(({ done }) => done.map(({ response }) => response))).toEqual([[undefined], [undefined]]);
    expect(changes).toEqual([2, -1, -1]);
    expect([stats.executionCount, [...stats.batches.keys()]]).toEqual([1, [3]]);
    expect(jobs[0]!.done[0]!.times).toMatchObject({ input: 1, output: 1 });
    const sinceArrival = performance.now() * 1e6 - jobs[0]!.arrived;
    for (const { queueNs, times } of jobs.flatMap(({ done }) => done)) {
      expect(queueNs).toBeGreaterThanOrEqual(0);
      expect(times.infer).toBeGreaterThanOrEqual(0);
      expect(queueNs + times.infer).toBeLessThanOrEqual(sinceArrival);
    }
  });
  test("that fails refuses those that are not complete", async () => {
    const jobs = [jobOf("1"), jobOf("2")];
    const { stats, changes } = await run(async (_, answer) => {
      answer(0, undefined);
      throw fault;
    }, jobs);
    expect(jobs.map(messages)).toEqual([[], ["no luck"]]);
    expect([changes, stats.executionCount]).toEqual([[2, -1, -1], 1]);
  });
});

describe("the clock of an execution", () => {
  test("divides at the first `inputsReady` and the last `computed`", () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    try {
      const pass = (ms: number): void => void vi.advanceTimersByTime(ms);
      pass(100);
      const clock = startClock();
      pass(12);
      clock.inputsReady();
      pass(6);
      clock.inputsReady();
      clock.computed();
      pass(12);
      clock.computed();
      pass(6);
      const { input, infer, output } = clock.times();
      expect([input, infer, output].map(part => Math.round(part / 1e6))).toEqual([12, 18, 6]);
    } finally {
      vi.useRealTimers();
    }
  });
});
