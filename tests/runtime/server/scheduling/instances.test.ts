/** Instances of a model: their order, when they are idle, and their reports to the limiter. */
import { describe, expect, test, vi } from "vitest";
import { watchFaults } from "#runtime/base/in-background.js";
import type { LoadedModel } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { createInstances } from "#runtime/server/scheduling/instances.js";
import type { InstanceGate } from "#runtime/server/scheduling/rate-limiter.js";
import { jobOf } from "./settled-jobs.js";
import { notedModel, turns } from "./support.js";

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
