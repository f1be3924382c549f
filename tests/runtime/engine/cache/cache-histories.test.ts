// Random histories of a cached step: concurrent requests, computations that end late, fail or end at once, passing time, reloads.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { AnyStep } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import type { Column } from "#runtime/base/columns/table.js";
import { cachedKernel } from "#runtime/engine/cache/cached-kernel.js";
import type { PreparedKernel } from "#runtime/engine/schedule/kernel.js";
import { createCounters } from "#runtime/engine/schedule/stage-counters.js";
import { context, makeStep, noModels, plain, scalars } from "../../../operators/step.js";

const TTL_MS = 1000;
const step = makeStep("predictOnnx", {
  params: { path: "m", model: "m", inputs: {}, outputs: {} },
  inputs: { input: ["x"] },
  outputs: [column("y", "float64")],
}) as AnyStep;

interface Computation {
  readonly rows: readonly number[];
  end(): void;
  fail(): void;
}

/** The answer of a load for a row. */
const answerOf = (x: number, load: number): number => 100 * load + x;

/** A cached step whose kernel waits until a test ends it, and its computed rows. */
function world(maxRows: number) {
  const state = { now: 0, load: 0, isSlow: false, closed: 0 };
  const loads = [{}];
  const computed: number[][] = [];
  const pending: Computation[] = [];
  const kernel: PreparedKernel = {
    run: ({ input }) => {
      const { values, rows } = input![0]!;
      const load = state.load;
      const own = [...(values as Float64Array)];
      computed.push(own);
      const made = [{ dtype: "float64", rows, values: Float64Array.from(own, x => answerOf(x, load)) } as const];
      if (!state.isSlow) return made;
      return new Promise((resolve, reject) => {
        pending.push({ rows: own, end: () => resolve(made), fail: () => reject(new Error("failed")) });
      });
    },
    close: () => void state.closed++,
  };
  const counters = createCounters(step);
  const clock = { now: () => state.now, sleep: () => Promise.resolve() };
  const models = { ...noModels, loaded: () => loads[state.load]! };
  const made = cachedKernel(
    step,
    { ttlSeconds: TTL_MS / 1000, maxRows },
    kernel,
    { folder: ".", models, clock },
    counters,
  );
  const ask = (xs: readonly number[]) => made.run({ input: [scalars("float64", xs)] }, context());
  const reload = (): void => {
    state.load++;
    loads.push({});
  };
  return { state, computed, pending, counters, made, ask, reload };
}
const turn = (): Promise<void> => new Promise(done => setImmediate(done));

const rows = fc.array(fc.nat({ max: 6 }), { maxLength: 5 });

test("computations that end at once: each row is computed if it is not among the last used, or too old", () => {
  const event = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant("ask" as const), xs: rows }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 300, 999, 1000) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("reload" as const) }) },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(event, { maxLength: 30, size: "max" }), (maxRows, events) => {
      const { state, computed, counters, ask, reload } = world(maxRows);
      const model = new Map<number, number>();
      let [hits, misses] = [0, 0];
      for (const event of events)
        if (event.do === "wait") state.now += event.ms;
        else if (event.do === "reload") {
          reload();
          model.clear();
        } else {
          const missing: number[] = [];
          for (const x of new Set(event.xs)) {
            const until = model.get(x);
            model.delete(x);
            if (until !== undefined && until > state.now) model.set(x, until);
            else missing.push(x);
          }
          const columns = ask(event.xs) as readonly Column[];
          expect(plain(columns[0]!)).toEqual(event.xs.map(x => answerOf(x, state.load)));
          expect(computed.splice(0)).toEqual(missing.length > 0 ? [missing] : []);
          for (const x of missing) {
            if (model.size >= maxRows) model.delete(model.keys().next().value!);
            model.set(x, state.now + TTL_MS);
          }
          hits += event.xs.length - missing.length;
          misses += missing.length;
          expect(counters).toMatchObject({ cacheHits: hits, cacheMisses: misses });
        }
    }),
    { numRuns: 200 },
  );
});

test("computations that end late: every request gets its own rows or its own fault, and none waits for ever", async () => {
  const event = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant("ask" as const), xs: rows }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant("end" as const), nth: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("fail" as const), nth: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("reload" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(300, 1000) }) },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(event, { maxLength: 24, size: "max" }),
      async (maxRows, events) => {
        const { state, computed, pending, counters, ask, reload } = world(maxRows);
        state.isSlow = true;
        const requests: { readonly xs: readonly number[]; readonly load: number; readonly made: Promise<unknown> }[] =
          [];
        let asked = 0;
        let isWhole = true;
        for (const event of events) {
          isWhole &&= event.do !== "fail" && event.do !== "reload";
          if (event.do === "wait") state.now += event.ms;
          else if (event.do === "reload") reload();
          else if (event.do === "ask") {
            asked += event.xs.length;
            const inFlight = new Set(pending.flatMap(of => of.rows));
            const before = computed.length;
            const made = Promise.resolve(ask(event.xs)).then(
              columns => plain(columns[0]!),
              (error: Error) => error.message,
            );
            requests.push({ xs: event.xs, load: state.load, made });
            // A row in flight is awaited; a lost one is computed by each waiter.
            if (isWhole) for (const x of computed.slice(before).flat()) expect(inFlight.has(x)).toBe(false);
          } else if (pending.length > 0) {
            const [one] = pending.splice(event.nth % pending.length, 1);
            if (event.do === "end") one!.end();
            else one!.fail();
          }
          await turn();
        }
        while (pending.length > 0) {
          for (const { end } of pending.splice(0)) end();
          await turn();
        }
        for (const { xs, load, made } of requests) {
          const answer = await made;
          if (answer === "failed") continue;
          // The value is of its own load, or of a later one, if the awaited one was lost.
          const values = answer as number[];
          expect(values.map(y => y % 100)).toEqual(xs);
          for (const y of values) expect(Math.floor(y / 100)).toBeGreaterThanOrEqual(load);
        }
        expect(counters.cacheHits + counters.cacheMisses).toBe(asked);
        // Nothing is left in flight, and what is kept is of the last load.
        state.isSlow = false;
        const all = [0, 1, 2, 3, 4, 5, 6];
        expect(plain((ask(all) as readonly Column[])[0]!)).toEqual(all.map(x => answerOf(x, state.load)));
      },
    ),
    { numRuns: 200 },
  );
});

test("a cached step that is closed closes its kernel, and keeps nothing", async () => {
  const { state, computed, made, ask } = world(5);
  ask([1]);
  expect(state.closed).toBe(0);
  await made.close!();
  expect(state.closed).toBe(1);
  ask([1]);
  expect(computed).toEqual([[1], [1]]);
});
