/** Instances of a model: their order, when they are idle, and their reports to the limiter. */
import { describe, expect, test } from "vitest";
import type { LoadedModel } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { createInstances } from "#runtime/server/scheduling/instances.js";
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
});
