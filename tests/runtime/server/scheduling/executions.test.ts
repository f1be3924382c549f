/** One execution of a batch: the settling of each job, the counters, the instance, and a returned execution. */
import { describe, expect, test, vi } from "vitest";
import { type LoadedModel, NOT_BEGUN } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { startClock } from "#runtime/server/scheduling/execution-clock.js";
import type { Job } from "#runtime/server/scheduling/job.js";
import { runBatch, runStream } from "#runtime/server/scheduling/run-jobs.js";
import { answered, fault, jobOf, messages } from "./settled-jobs.js";
import { turns } from "./support.js";

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
  test("without a response that is not a fault is not an execution", async () => {
    const jobs = [jobOf("1"), jobOf("2")];
    const { stats } = await run({ execute: () => [fault, undefined as never] }, jobs);
    expect(stats.executionCount).toBe(0);
  });
  test("whose model throws has run, and each job has the reason", async () => {
    const jobs = [jobOf("1", { rows: 3 }), jobOf("2")];
    const { ran, stats } = await run(
      {
        execute: () => {
          throw fault;
        },
      },
      jobs,
    );
    expect([ran, stats.executionCount, [...stats.batches.keys()]]).toEqual([true, 1, [4]]);
    expect(jobs.map(messages)).toEqual([["no luck"], ["no luck"]]);
  });
  test("that had not begun leaves its jobs as they were", async () => {
    const jobs = [jobOf("1")];
    const { ran, stats } = await run({ execute: () => Promise.reject(NOT_BEGUN) }, jobs);
    expect([ran, stats.executionCount, jobs[0]!.faults.length, jobs[0]!.done.length]).toEqual([false, 0, 0, 0]);
  });
  test("says how long its jobs waited", async () => {
    const clock = startClock();
    const job = jobOf("1", {}, { arrived: clock.started - 5e6 });
    await runBatch({ execute: () => [answered] } as unknown as LoadedModel, [job], 0, createStatistics(), clock);
    expect(job.done[0]!.queueNs).toBe(5e6);
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
  test("settles a job that takes no answers, too", async () => {
    const job = jobOf("1", {}, { answers: undefined });
    await run(
      async (_, answer) => {
        answer(0, answered);
        answer(0, undefined);
      },
      [job],
    );
    expect([job.done.length, messages(job)]).toEqual([1, []]);
  });
  test("counts its time as computing", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    try {
      vi.advanceTimersByTime(100);
      const { stats } = await run(async () => void vi.advanceTimersByTime(7), [jobOf("1")]);
      expect(stats.batches.get(1)).toEqual({
        input: { count: 1, ns: 1 },
        infer: { count: 1, ns: 7e6 },
        output: { count: 1, ns: 1 },
      });
    } finally {
      vi.useRealTimers();
    }
  });
  test("may end before its responses arrive", async () => {
    const job = jobOf("1");
    let later!: () => void;
    const { changes } = await run(
      async (_, answer) => {
        later = () => answer(0, undefined);
      },
      [job],
    );
    expect([changes, job.done.length]).toEqual([[1], 0]);
    later();
    expect([changes, job.done.length]).toEqual([[1, -1], 1]);
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
  test("that reschedules a job hands it back once", async () => {
    const again: unknown[] = [];
    const job = jobOf("1", {}, { again: answer => void again.push(answer) });
    const more = { outputs: [], again: true } as never;
    const { changes } = await run(
      async (_, answer) => {
        answer(0, more);
        answer(0, undefined);
      },
      [job],
    );
    expect([again, changes, job.done, job.given]).toEqual([[more], [1, -1], [], []]);
  });
});

describe("the clock of an execution", () => {
  test("has parts of at least one nanosecond", () => {
    const { input, infer, output } = startClock().times();
    expect([input, infer, output].every(part => part >= 1)).toBe(true);
  });
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
  test("that waits begins once", async () => {
    let begun = 0;
    const clock = startClock(() => begun++);
    const { started } = clock;
    await turns();
    clock.begun();
    clock.begun();
    expect(begun).toBe(1);
    expect(clock.started).toBeGreaterThan(started);
    const at = startClock();
    const before = at.started;
    await turns();
    at.begun();
    expect(at.started).toBe(before);
  });
});
