/** Warm-up on a clock that the tests set: how long its runs took, when the event loop turns in between, and when it stops. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { LoadedModel } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { warmUp } from "#runtime/server/scheduling/warm-up.js";
import type { ModelWarmup_Input } from "#triton-protos/gen/messages.js";
import { configOf } from "./support.js";

/** In milliseconds. */
let clock = 0;
beforeEach(() => {
  clock = 1000;
  vi.spyOn(performance, "now").mockImplementation(() => clock);
});
afterEach(() => void vi.restoreAllMocks());

/**
 * @param lasting milliseconds of each run
 * @returns turns of the event loop before each run, and time of the requests in nanoseconds
 */
async function run(lasting: readonly number[], budgetMs?: number) {
  const input = { data_type: "TYPE_INT32", dims: [1], zero_data: true } as ModelWarmup_Input;
  const config = configOf({
    max_batch_size: 8,
    instance_group: [{ name: "m", count: 1, kind: "KIND_CPU" }],
    model_warmup: [{ name: "w", batch_size: 1, count: lasting.length, inputs: { IN: input } }],
  });
  const stats = createStatistics();
  const turnsBefore: number[] = [];
  let turned = 0;
  let isOver = false;
  const turn = (): void => {
    turned++;
    if (!isOver) setImmediate(turn);
  };
  const model: LoadedModel = {
    async execute() {
      clock += lasting[turnsBefore.length]!;
      turnsBefore.push(turned);
      return [{ outputs: [] }];
    },
  };
  setImmediate(turn);
  await warmUp(config, model, stats, "/nowhere/1", undefined, budgetMs);
  isOver = true;
  return { turnsBefore, ns: stats.success.ns };
}

describe("a run", () => {
  test("takes the time from its start to its end", async () => {
    expect((await run([2, 3])).ns).toBe(5e6);
  });
  test("follows another without a turn of the event loop until more than 10 ms have passed", async () => {
    expect((await run([0, 4, 6, 1, 10, 1, 0])).turnsBefore).toEqual([0, 0, 0, 0, 1, 1, 2]);
  });
  test("begins where the time is not over yet, to the millisecond", async () => {
    expect((await run([3, 2, 0, 1, 0], 5)).turnsBefore).toHaveLength(4);
  });
});
