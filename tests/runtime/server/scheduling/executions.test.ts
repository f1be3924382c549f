/** One execution of a batch: the settling of each job, the counters, the instance, and a returned execution. */
import { describe, expect, test, vi } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import { watchFaults } from "#runtime/base/in-background.js";
import { type LoadedModel, NOT_BEGUN } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { startClock } from "#runtime/server/scheduling/execution-clock.js";
import { instancesOf } from "#runtime/server/scheduling/instance-groups.js";
import { createInstances } from "#runtime/server/scheduling/instances.js";
import type { Job } from "#runtime/server/scheduling/job.js";
import type { InstanceGate } from "#runtime/server/scheduling/rate-limiter.js";
import { runBatch, runStream } from "#runtime/server/scheduling/run-jobs.js";
import type { Executed } from "#runtime/server/scheduling/scheduler.js";
import { checkSequenceRequest } from "#runtime/server/scheduling/sequence-check.js";
import { timerDelay } from "#runtime/server/scheduling/timer-delay.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { type Asked, configOf, notedModel, requestOf, turns } from "./support.js";

const fault = new RuntimeFault("INTERNAL", "no luck");
const answered = { outputs: [] };

interface Settled extends Job {
  readonly done: Executed[];
  readonly faults: RuntimeFault[];
  readonly given: unknown[];
  readonly again?: never;
}
const jobOf = (id: string, asked: Asked = {}, more: Partial<Job> = {}): Settled => {
  const [done, faults, given]: [Executed[], RuntimeFault[], unknown[]] = [[], [], []];
  return {
    ...{ request: requestOf(id, asked), arrived: performance.now() * 1e6, done, faults, given },
    answers: answer => given.push(answer),
    resolve: one => done.push(one),
    reject: one => faults.push(one as RuntimeFault),
    ...more,
  } as Settled;
};
const messages = ({ faults }: Settled): string[] => faults.map(({ message }) => message);

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

describe("instances", () => {
  const start = (model: LoadedModel, count: number) => {
    const stats = createStatistics();
    let freed = 0;
    const instances = createInstances(model, count, stats, () => freed++);
    return { instances, stats, freed: () => freed };
  };
  test("run in the order of their numbers; idle() waits for all of them", async () => {
    const ran: number[] = [];
    const noted = notedModel(true);
    const { instances, freed } = start(
      {
        ...noted,
        execute: (requests, instance) => {
          ran.push(instance);
          return noted.execute(requests, instance);
        },
      },
      3,
    );
    await instances.idle();
    for (const id of ["1", "2"]) instances.run([jobOf(id)]);
    expect([ran, instances.free()]).toEqual([[0, 1], 1]);
    expect([0, 1, 2].map(instances.isIdle)).toEqual([false, false, true]);
    instances.run([jobOf("3")], 2);
    expect(instances.free()).toBe(0);
    let isIdle = false;
    const idle = instances.idle().then(() => {
      isIdle = true;
    });
    for (let i = 0; i < 2; i++) noted.release();
    await turns();
    expect([isIdle, freed()]).toEqual([false, 2]);
    noted.release();
    await idle;
    expect([instances.free(), freed()]).toEqual([3, 3]);
  });
  test("of a decoupled model are free before its answers are complete, and idle after", async () => {
    let complete!: () => void;
    const stream: LoadedModel["stream"] = async (_, answer) => {
      complete = () => answer(0, undefined);
    };
    const { instances } = start({ stream, execute: () => [] } as unknown as LoadedModel, 1);
    instances.run([jobOf("1")]);
    await turns();
    expect(instances.free()).toBe(1);
    let isIdle = false;
    const idle = instances.idle().then(() => {
      isIdle = true;
    });
    await turns();
    expect(isIdle).toBe(false);
    complete();
    await idle;
  });
  test("are idle once each answer of a decoupled model is complete, and not before", async () => {
    let complete!: (place: number) => void;
    const stream: LoadedModel["stream"] = async (_, answer) => {
      complete = place => answer(place, undefined);
    };
    const { instances } = start({ stream, execute: () => [] } as unknown as LoadedModel, 1);
    instances.run([jobOf("1"), jobOf("2")]);
    let isIdle = false;
    const idle = instances.idle().then(() => {
      isIdle = true;
    });
    await turns();
    expect([isIdle, instances.free()]).toEqual([false, 1]);
    complete(0);
    await turns();
    expect(isIdle).toBe(false);
    complete(1);
    await idle;
  });
  test("run a batch where it belongs, and say to the limiter whether any of them would do", async () => {
    const taken: [instance: number, isAny: boolean][] = [];
    const gate: InstanceGate = {
      ...{ mayRun: () => true, share: () => 0, give() {}, onFree() {}, close() {} },
      take: (...given) => void taken.push(given),
    };
    const instances = createInstances(notedModel(), 2, createStatistics(), () => {}, gate);
    instances.run([jobOf("1")], 1);
    expect([0, 1].map(instances.isIdle)).toEqual([true, false]);
    instances.run([jobOf("2")]);
    expect(taken).toEqual([
      [1, false],
      [0, true],
    ]);
    await instances.idle();
  });
  test("report a fault that follows an execution", async () => {
    // The watch of the test run would throw in a later turn of the event loop.
    vi.useFakeTimers({ toFake: ["setImmediate"] });
    const faults: string[] = [];
    const endWatch = watchFaults(({ message }, doing) => faults.push(`${doing} failed: ${message}`));
    try {
      const instances = createInstances(notedModel(), 1, createStatistics(), () => {
        throw new Error("no luck");
      });
      instances.run([jobOf("1")]);
      await new Promise<void>(resolve => process.nextTick(resolve));
      expect(faults).toEqual(["an execution failed: no luck"]);
    } finally {
      endWatch();
      vi.useRealTimers();
    }
  });
  test("say of each request that it executes when it does", async () => {
    const states: string[] = [];
    const job = jobOf("1");
    const noted = {
      ...job,
      request: { ...job.request, states: { to: (state: string) => states.push(state) } as never },
    };
    const { instances } = start(notedModel(), 1);
    instances.run([noted]);
    expect(states).toEqual(["EXECUTING"]);
    await instances.idle();
  });
});

describe("an instance with a queue of its own", () => {
  /**
   * Executions wait until they are begun and ended by hand; each may be given back before.
   * @param returnsAny whether the model lets one be taken back
   */
  const queueing = (ahead: number, count = 2, returnsAny = true) => {
    const runs: { ids: string[]; instance: number; begin(): void; end(): void; giveBack(): void; taken: boolean }[] =
      [];
    const model: LoadedModel = {
      ahead: () => ahead,
      execute: (requests, instance, clock) =>
        new Promise((resolve, reject) => {
          const run = {
            ...{ ids: requests.map(({ id }) => id), instance, taken: false },
            begin: () => clock!.begun(),
            end: () => resolve(requests.map(() => answered)),
            giveBack: () => reject(NOT_BEGUN),
          };
          runs.push(run);
          const takeBack = () => {
            if (run.taken) return false;
            run.taken = true;
            reject(NOT_BEGUN);
            return true;
          };
          if (returnsAny) clock!.execution = { takeBack };
        }),
    };
    const stats = createStatistics();
    const instances = createInstances(model, count, stats, () => {});
    return { runs, stats, instances };
  };
  test("gets more while it runs, the shortest queue first, up to what it takes ahead", () => {
    const { runs, stats, instances } = queueing(3);
    for (let i = 0; instances.free() > 0 || instances.hasRoom(); i++) instances.run([jobOf(`${i}`)]);
    expect(runs.map(({ instance }) => instance)).toEqual([0, 1, 0, 1, 0, 1]);
    expect([stats.pending, instances.hasRoom()]).toEqual([4, false]);
  });
  test("counts as pending what has not begun", async () => {
    const { runs, stats, instances } = queueing(3, 1);
    for (const id of ["1", "2", "3"]) instances.run([jobOf(id, { rows: 2 })]);
    expect(stats.pending).toBe(2);
    runs[1]!.begin();
    expect(stats.pending).toBe(1);
    for (const run of runs) run.end();
    runs[2]!.begin();
    await instances.idle();
    expect(stats.pending).toBe(0);
  });
  test("cancels its waiting requests when the client disconnects, not the running ones", async () => {
    const { runs, stats, instances } = queueing(2, 1);
    const leaving = new AbortController();
    instances.run([jobOf("1")]);
    const waiting = jobOf("2", { signal: leaving.signal });
    instances.run([waiting]);
    expect(stats.pending).toBe(1);
    leaving.abort();
    expect([stats.pending, messages(waiting)]).toEqual([0, ["Request cancelled"]]);
    await turns();
    expect([stats.pending, messages(waiting)]).toEqual([0, ["Request cancelled"]]);
    runs[0]!.end();
    await instances.idle();
    // It is not run again.
    expect(runs).toHaveLength(2);
  });
  test("what it gives back runs on an idle instance", async () => {
    const { runs, instances } = queueing(2);
    instances.run([jobOf("1")]);
    instances.run([jobOf("2")]);
    instances.run([jobOf("3")]);
    expect(runs.map(({ instance }) => instance)).toEqual([0, 1, 0]);
    // The second one has nothing to do, and relieves the first.
    runs[1]!.end();
    await turns();
    expect(runs.map(({ ids, instance }) => `${ids}@${instance}`)).toEqual(["1@0", "2@1", "3@0", "3@1"]);
    for (const run of [runs[0]!, runs[3]!]) run.end();
    await instances.idle();
  });
  test("what it gives back is pending once where it waits again", async () => {
    const { runs, stats, instances } = queueing(2, 1);
    for (const id of ["1", "2"]) instances.run([jobOf(id)]);
    runs[1]!.giveBack();
    await turns();
    expect(runs.map(({ ids, instance }) => `${ids}@${instance}`)).toEqual(["1@0", "2@0", "2@0"]);
    expect(stats.pending).toBe(1);
    for (const run of [runs[0]!, runs[2]!]) run.end();
    await instances.idle();
  });
  test("what it gives back waits in the shortest queue while no instance is idle", async () => {
    const { runs, instances } = queueing(3);
    for (const id of ["1", "2", "3", "4", "5"]) instances.run([jobOf(id)]);
    runs[1]!.end();
    await turns();
    runs[4]!.giveBack();
    await turns();
    expect(runs.slice(4).map(({ ids, instance }) => `${ids}@${instance}`)).toEqual(["5@0", "5@1"]);
    for (const run of runs) run.end();
    await instances.idle();
  });
  test("is relieved of the execution that it was handed last", async () => {
    const { runs, instances } = queueing(3);
    for (const id of ["1", "2", "3", "4", "5"]) instances.run([jobOf(id)]);
    for (const place of [1, 3]) runs[place]!.end();
    await turns();
    expect(runs.slice(5).map(({ ids, instance }) => `${ids}@${instance}`)).toEqual(["5@1"]);
    for (const run of runs) run.end();
    await instances.idle();
  });
  test("is relieved of its last one, wherever it is among the instances; of equals, the first", async () => {
    const { runs, instances } = queueing(2, 3);
    for (const id of ["1", "2", "3", "4", "5", "6"]) instances.run([jobOf(id)]);
    for (const place of [0, 3]) runs[place]!.end();
    await turns();
    expect(runs.slice(6).map(({ ids, instance }) => `${ids}@${instance}`)).toEqual(["5@0"]);
    for (const run of runs) run.end();
    await instances.idle();
  });
  test("says that a request executes when that begins", async () => {
    const { runs, instances } = queueing(2, 1);
    const states: string[] = [];
    const job = jobOf("2");
    const noted = {
      ...job,
      request: { ...job.request, states: { to: (state: string) => states.push(state) } as never },
    };
    for (const one of [jobOf("1"), noted]) instances.run([one]);
    expect(states).toEqual([]);
    runs[1]!.begin();
    expect(states).toEqual(["EXECUTING"]);
    for (const run of runs) run.end();
    await instances.idle();
  });
  test("keeps what the model does not return", async () => {
    const { runs, stats, instances } = queueing(2, 2, false);
    const faults: string[] = [];
    const endWatch = watchFaults(({ message }) => faults.push(message));
    const leaving = new Cancellable();
    const waiting = jobOf("3", { signal: leaving });
    for (const job of [jobOf("1"), jobOf("2"), waiting]) instances.run([job]);
    runs[1]!.end();
    await turns();
    leaving.abort();
    expect([stats.pending, messages(waiting)]).toEqual([1, []]);
    for (const run of runs) run.end();
    await instances.idle();
    endWatch();
    expect([runs.length, waiting.done.length, faults]).toEqual([3, 1, []]);
  });
  test("is relieved by an instance without work alone", async () => {
    const { runs, instances } = queueing(3);
    for (const id of ["1", "2", "3", "4"]) instances.run([jobOf(id)]);
    runs[0]!.end();
    await turns();
    expect(runs).toHaveLength(4);
    for (const run of runs) run.end();
    await instances.idle();
  });
  test("is not relieved of the one that it runs", async () => {
    const { runs, instances } = queueing(2);
    for (const id of ["1", "2"]) instances.run([jobOf(id)]);
    runs[1]!.end();
    await turns();
    expect(runs).toHaveLength(2);
    runs[0]!.end();
    await instances.idle();
  });
});

describe("instance groups", () => {
  const groups = (instance_group: ModelConfigInit["instance_group"]) =>
    instancesOf(configOf({ instance_group: instance_group! }));
  test("without any there is one on the CPU", () => {
    expect(instancesOf({ instance_group: [] })).toEqual([{ name: "0", kind: "cpu" }]);
  });
  test("a group of GPUs has its count on each device, numbered through", () => {
    expect(groups([{ name: "g", count: 2, kind: "KIND_GPU", gpus: [3, 5] }])).toEqual([
      { name: "g_0", kind: "gpu", device: 3 },
      { name: "g_1", kind: "gpu", device: 3 },
      { name: "g_2", kind: "gpu", device: 5 },
      { name: "g_3", kind: "gpu", device: 5 },
    ]);
    expect(groups([{ name: "g", count: 1, kind: "KIND_GPU" }])).toEqual([{ name: "g_0", kind: "gpu", device: 0 }]);
  });
  test("groups follow each other, and one on the CPU has no device", () => {
    expect(
      groups([
        { name: "a", count: 1, kind: "KIND_CPU", gpus: [1] },
        { name: "b", count: 2, kind: "KIND_MODEL" },
      ]),
    ).toEqual([
      { name: "a_0", kind: "cpu" },
      { name: "b_0", kind: "cpu" },
      { name: "b_1", kind: "cpu" },
    ]);
  });
});

describe("a request of a sequence", () => {
  const CORRID = (data_type: string) => ({
    control_input: [
      { name: "START", control: [{ kind: "CONTROL_SEQUENCE_START" }] },
      { name: "ID", control: [{ kind: "CONTROL_SEQUENCE_CORRID", data_type }] },
    ] as never,
  });
  const SHARED = {
    control_input: [
      {
        name: "ID",
        control: [{ kind: "CONTROL_SEQUENCE_START" }, { kind: "CONTROL_SEQUENCE_CORRID", data_type: "TYPE_UINT64" }],
      },
    ] as never,
  };
  const check = (asked: Asked, known = true, sequence_batching: object = { direct: {} }) => {
    try {
      checkSequenceRequest(configOf({ sequence_batching }), requestOf("7", asked), known);
    } catch (error) {
      return `${(error as RuntimeFault).code} ${(error as RuntimeFault).message}`;
    }
    return undefined;
  };
  const of = (correlationId: bigint | string, more: object = {}) => ({ controls: { correlationId, ...more } });
  const ID = "must specify a non-zero or non-empty correlation ID";
  const TYPE = (given: string, expected: string) =>
    `INVALID_ARGUMENT [request id: 7] sequence batching control 'ID' data-type is '${given}', but model 'm' expects '${expected}'`;
  test.each<readonly [string, Asked, boolean, object | undefined, string | undefined]>([
    ["that is known may go on", of(1n), true, undefined, undefined],
    ["that is not known begins", of(1n, { start: true }), false, undefined, undefined],
    [
      "that is not known needs START",
      of(1n),
      false,
      undefined,
      "INVALID_ARGUMENT inference request for sequence 1 to model 'm' must specify the START flag on the first request of the sequence",
    ],
    ["needs an id", of(0n, { start: true }), false, undefined, `INVALID_ARGUMENT inference request to model 'm' ${ID}`],
    [
      "needs an id that is not empty",
      of("", { start: true }),
      false,
      undefined,
      `INVALID_ARGUMENT inference request to model 'm' ${ID}`,
    ],
    [
      "has one row",
      { ...of(1n), rows: 2 },
      true,
      undefined,
      "INVALID_ARGUMENT inference request to model 'm' must specify batch-size 1 due to requirements of sequence batcher",
    ],
    ["has an id of the model's type", of("a"), true, CORRID("TYPE_STRING"), undefined],
    ["has an integer of any width", of(1n), true, CORRID("TYPE_INT32"), undefined],
    ["has no text for a number", of("a"), true, CORRID("TYPE_UINT64"), TYPE("BYTES", "UINT64")],
    ["has no number for a text", of(1n), true, CORRID("TYPE_STRING"), TYPE("UINT64", "BYTES")],
    ["has an id of any type where the model names none", of("a"), true, CORRID("TYPE_INVALID"), undefined],
    ["has an id of the type of an input with two controls", of("a"), true, SHARED, TYPE("BYTES", "UINT64")],
  ])("%s", (_, asked, known, batching, expected) => {
    expect(check(asked, known, batching)).toBe(expected);
  });
});

test("a timer waits no longer than Node's timers can", () => {
  expect([5, 2 ** 31 - 1, 2 ** 31, Infinity].map(timerDelay)).toEqual([5, 2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1]);
});
