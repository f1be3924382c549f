/** Instances that take executions ahead: the queue of each, and those that they give back. */
import { describe, expect, test } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import { watchFaults } from "#runtime/base/in-background.js";
import { type LoadedModel, NOT_BEGUN } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { createInstances } from "#runtime/server/scheduling/instances.js";
import { answered, jobOf, messages } from "./settled-jobs.js";
import { turns } from "./support.js";

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
});
