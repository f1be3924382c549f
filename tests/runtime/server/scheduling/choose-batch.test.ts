/** Which queued jobs run together: cases by their sizes and ages, and properties of every choice. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchRules, chooseBatch } from "#runtime/server/scheduling/choose-batch.js";
import type { Job } from "#runtime/server/scheduling/job.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { configOf, requestOf } from "./support.js";

const MS = 1e6;
interface Queued {
  readonly rows: number;
  readonly width?: number;
  /** Milliseconds that it has waited. */
  readonly age?: number;
}
const NOW = 1000 * MS;
const jobsOf = (queued: readonly Queued[]): Job[] =>
  queued.map(({ rows, width = 1, age = 0 }, i) => ({
    request: requestOf(`${i}`, { rows, width }),
    arrived: NOW - age * MS,
    resolve() {},
    reject() {},
  }));
const choose = (queued: readonly Queued[], max: number, preferred: readonly number[], delayMs: number) => {
  const rules = batchRules(configOf({ max_batch_size: max }), preferred, delayMs * 1000);
  const chosen = chooseBatch(jobsOf(queued), rules, NOW);
  return typeof chosen === "number" ? `wait ${chosen / MS}` : chosen.map(({ request }) => request.id).join("");
};
const rows = (...sizes: number[]): Queued[] => sizes.map(size => ({ rows: size }));

describe("a choice", () => {
  test.each<readonly [string, readonly Queued[], number, readonly number[], number, string]>([
    ["takes all without a delay", rows(1, 1, 1), 8, [], 0, "012"],
    ["takes no more rows than the largest batch", rows(3, 3, 3), 8, [], 0, "01"],
    ["takes exactly the largest batch", rows(4, 4, 1), 8, [], 50, "01"],
    ["takes a single request that is larger than a batch", rows(9, 1), 8, [], 50, "0"],
    ["waits for a fuller batch", rows(1, 1), 8, [], 50, "wait 50"],
    [
      "waits for as long as the oldest may still wait",
      [
        { rows: 1, age: 20 },
        { rows: 1, age: 30 },
      ],
      8,
      [],
      50,
      "wait 20",
    ],
    ["takes what is late", [{ rows: 1, age: 50 }, { rows: 1 }], 8, [], 50, "01"],
    ["takes a preferred size at once", rows(1, 1), 8, [2], 50, "01"],
    ["takes the largest preferred size that is there", rows(1, 1, 1, 1, 1), 8, [2, 4], 50, "0123"],
    ["takes a smaller preferred size before one that it cannot reach yet", rows(1, 1, 1), 8, [2, 4], 50, "01"],
    ["waits below the smallest preferred size", rows(1), 8, [2, 4], 50, "wait 50"],
    ["takes what fits where the next would go over the largest preferred size", rows(1, 2, 3), 8, [4], 50, "01"],
    ["takes more than the largest preferred size with a single request", rows(5), 8, [4], 50, "0"],
    [
      "takes all that is there of a late queue, beyond a preferred size",
      [{ rows: 2, age: 60 }, { rows: 1 }],
      8,
      [2],
      50,
      "01",
    ],
    ["takes a preferred size without a delay", rows(1, 1, 1), 8, [2], 0, "01"],
    ["takes all that is there without a delay, beyond no preferred size", rows(1), 8, [2], 0, "0"],
    ["ends before another shape, and does not wait behind it", [{ rows: 1 }, { rows: 1, width: 2 }], 8, [], 50, "0"],
    ["ends before another shape at its best size", [...rows(1, 1, 1), { rows: 1, width: 2 }], 8, [2], 50, "01"],
    ["of an empty queue is empty", [], 8, [], 0, ""],
    ["of an empty queue waits", [], 8, [], 50, "wait 50"],
    ["of a model without batches is one request", rows(1, 1), 0, [], 50, "0"],
  ])("%s", (_, queued, max, preferred, delay, expected) => {
    expect(choose(queued, max, preferred, delay)).toBe(expected);
  });
});

test("the jobs are a prefix of the queue, fit a batch, and run when a preferred size is there or the time is over", () => {
  const queued = fc.array(fc.record({ rows: fc.integer({ min: 1, max: 4 }), age: fc.integer({ min: 0, max: 60 }) }), {
    minLength: 1,
    maxLength: 10,
  });
  const preferred = fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { maxLength: 3 });
  fc.assert(
    fc.property(queued, preferred, fc.constantFrom(0, 25, 50), (jobs, sizes, delay) => {
      const chosen = choose(jobs, 8, sizes, delay);
      const total = jobs.reduce((sum, one) => sum + one.rows, 0);
      if (chosen.startsWith("wait")) {
        const left = Number(chosen.split(" ")[1]);
        // No more row fits, so nothing is late and no size is reached.
        expect(delay).toBeGreaterThan(0);
        expect(left).toBe(delay - Math.max(...jobs.map(({ age }) => age)));
        expect(left).toBeGreaterThan(0);
        expect(total).toBeLessThan(Math.max(...(sizes.length > 0 ? sizes : [8])));
        for (let i = 1, sum = 0; i <= jobs.length; i++) {
          sum += jobs[i - 1]!.rows;
          expect(sizes).not.toContain(sum);
        }
        return;
      }
      expect(chosen).toBe([...jobs.keys()].slice(0, chosen.length).join(""));
      const taken = jobs.slice(0, chosen.length).reduce((sum, one) => sum + one.rows, 0);
      expect(taken).toBeLessThanOrEqual(8);
    }),
    { numRuns: 500 },
  );
});

describe("rows of two requests share a batch", () => {
  const mayJoin = (init: ModelConfigInit, first: object, other: object) =>
    batchRules(configOf(init), [], 0).mayJoin({ ...requestOf("0"), ...first }, { ...requestOf("1"), ...other });
  const tensor = (name: string, ...shape: number[]) =>
    [name, { name, datatype: "INT32", shape, data: new Uint8Array(4) }] as const;
  const inputs = (...tensors: (readonly [string, unknown])[]) => ({ inputs: new Map(tensors) });
  const ragged = { input: [{ name: "IN", data_type: "TYPE_INT32" as const, dims: [-1], allow_ragged_batch: true }] };
  test.each<readonly [string, ModelConfigInit, object, object, boolean]>([
    ["of the same shape", {}, inputs(tensor("IN", 1, 2)), inputs(tensor("IN", 3, 2)), true],
    ["not of another width", {}, inputs(tensor("IN", 1, 2)), inputs(tensor("IN", 1, 3)), false],
    ["not of another rank", {}, inputs(tensor("IN", 1, 2)), inputs(tensor("IN", 1, 2, 1)), false],
    ["not with other inputs", {}, inputs(tensor("IN", 1, 2)), inputs(tensor("X", 1, 2)), false],
    ["not with more inputs", {}, inputs(tensor("IN", 1, 2)), inputs(tensor("IN", 1, 2), tensor("X", 1, 2)), false],
    [
      "with inputs in another order",
      {},
      inputs(tensor("A", 1, 2), tensor("B", 1, 3)),
      inputs(tensor("B", 2, 3), tensor("A", 2, 2)),
      true,
    ],
    [
      "of another width where the input is ragged",
      ragged,
      inputs(tensor("IN", 1, 2)),
      inputs(tensor("IN", 1, 3)),
      true,
    ],
    ["not of another rank where it is", ragged, inputs(tensor("IN", 1, 2)), inputs(tensor("IN", 1, 2, 1)), false],
    [
      "not where another input differs beside a ragged one",
      ragged,
      inputs(tensor("IN", 1, 2), tensor("X", 1, 2)),
      inputs(tensor("IN", 1, 3), tensor("X", 1, 3)),
      false,
    ],
  ])("%s", (_, init, first, other, expected) => {
    expect(mayJoin(init, first, other)).toBe(expected);
  });
});
