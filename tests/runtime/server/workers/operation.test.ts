/**
 * The two phases of a change, with workers that fail, differ, or end at any point: either all publish, or none.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { RuntimeFault } from "#runtime/base/errors.js";
import type { Outcome } from "#runtime/server/models/agreement.js";
import { Operation } from "#runtime/server/workers/operation.js";
import type { WorkerProcess } from "#runtime/server/workers/worker-process.js";

/** The way of one worker through the load of a model. */
type Way = (typeof WAYS)[number];
const WAYS = [
  "loads",
  "fails",
  "reads other files",
  "ends",
  "has it already",
  "has others already",
  "cannot read it",
] as const;

/** The files of a way, by a mark. */
const MARKS: Partial<Record<Way, string>> = {
  loads: "same",
  fails: "same",
  "has it already": "same",
  "reads other files": "other",
};

const outcome = (way: Way): Outcome => ({
  mark: MARKS[way] ?? "",
  faults: way === "fails" ? "version 1 is at UNAVAILABLE state: Internal: no;\n" : "",
  reasons: way === "fails" ? { "1": "Internal: no" } : {},
  keepsStatistics: false,
});

interface Simulated {
  readonly worker: WorkerProcess;
  readonly published: () => boolean;
  act(): void;
}

/** A worker without a process, which takes a step of its own at each call of `act`. */
function simulate(way: Way, operation: () => Operation): Simulated {
  let published = false;
  let decided: (failed: Outcome | undefined) => void = () => {};
  let begin: () => void = () => {};
  const begun = new Promise<void>(resolve => {
    begin = resolve;
  });
  let end: (error: Error) => void = () => {};
  const gone = new Promise<never>((_, reject) => {
    end = reject;
  });
  gone.catch(() => {});
  const inventory = { ready: new Map(way === "has it already" ? [["m", "same"]] : []), allReady: true };
  const change = async (): Promise<unknown> => {
    await begun;
    if (way === "has it already" || way === "has others already") return inventory;
    if (way === "cannot read it") throw new RuntimeFault("INTERNAL", "cannot be read");
    const failed = await new Promise<Outcome | undefined>(resolve => {
      decided = resolve;
      operation().outcome(worker, "m", outcome(way));
    });
    if (failed || way === "fails") throw new RuntimeFault("INVALID_ARGUMENT", failed?.faults ?? outcome(way).faults);
    published = true;
    return { ready: new Map(), allReady: true };
  };
  const worker = {
    state: "serving",
    inventory,
    link: {
      ask: () => Promise.race([change(), gone]),
      note: ({ failed }: { failed: Outcome | undefined }) => decided(failed),
    },
  } as unknown as WorkerProcess;
  return {
    worker,
    published: () => published,
    act() {
      if (way !== "ends") return begin();
      worker.state = "gone";
      end(new RuntimeFault("UNAVAILABLE", "it has ended"));
      operation().ended();
    },
  };
}

async function run(ways: readonly Way[], order: readonly number[]) {
  const operation = new Operation(1);
  const all = ways.map(way => simulate(way, () => operation));
  const ended = operation.run(
    all.map(({ worker }) => worker),
    { change: "load", model: "m" },
  );
  for (const i of order) {
    all[i]!.act();
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
  return { ended: await ended, published: all.map(({ published }) => published()) };
}

const cases = fc
  .array(fc.constantFrom(...WAYS), { minLength: 1, maxLength: 5 })
  .chain(ways =>
    fc.tuple(
      fc.constant(ways),
      fc.shuffledSubarray([...ways.keys()], { minLength: ways.length, maxLength: ways.length }),
    ),
  );

test("all living workers publish, or none does; and the answer is a fault if one had one", async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ([ways, order]) => {
      const { ended, published } = await run(ways, order);
      const living = ways.flatMap((way, i) => (way === "ends" ? [] : [{ way, published: published[i]! }]));
      const loaders = living.filter(({ way }) => way === "loads" || way === "reads other files" || way === "fails");
      const holders = living.filter(({ way }) => way === "has it already");
      const isWhole = loaders.length + holders.length === living.length;
      const agree = isWhole && new Set([...loaders, ...holders].map(({ way }) => MARKS[way])).size === 1;
      expect(new Set(loaders.map(one => one.published)).size).toBeLessThanOrEqual(1);
      if (agree && loaders.every(({ way }) => way !== "fails")) expect(loaders.every(one => one.published)).toBe(true);
      else expect(loaders.some(one => one.published)).toBe(false);
      const isGood = living.length > 0 && living.every(one => one.published || /already/.test(one.way));
      expect(ended.fault === undefined).toBe(isGood);
    }),
    { numRuns: 300 },
  );
});

test("the first fault is the answer, and workers with other files are worth another attempt", async () => {
  const failed = await run(["loads", "fails"], [0, 1]);
  expect(failed.ended.fault?.message).toContain("Internal: no");
  expect(failed.ended.differed).toBe(false);
  const other = await run(["loads", "reads other files"], [0, 1]);
  expect(other.ended.differed).toBe(true);
  expect(other.ended.fault?.message).toContain("changed while the workers of the server loaded them");
  const none = await run(["ends", "ends"], [0, 1]);
  expect(none.ended.fault?.message).toContain("all workers of the server ended");
});
