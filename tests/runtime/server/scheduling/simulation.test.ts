/**
 * Thousands of random lives of schedulers in virtual time: each request is answered once and rightly, in order, and nothing is left behind.
 * `SIMULATION_SEEDS=10000 npm test -- scheduling/simulation` runs more; a rule that is broken names the seed, which replays it.
 */
import { expect, test } from "vitest";
import type { Executions, LoadedModel } from "#runtime/server/contract.js";
import { createRateLimiter } from "#runtime/server/scheduling/rate-limiter.js";
import { elapse } from "../../../run/wait.js";
import { type Bugs, simulate } from "./simulation/simulate.js";

const SEEDS = Number(process.env.SIMULATION_SEEDS ?? 500);
const FIRST = Number(process.env.SIMULATION_FIRST ?? 1);

test(`${SEEDS} seeds break no rule`, { timeout: 60_000 + SEEDS * 100 }, async () => {
  const outcomes: Record<string, number> = {};
  const kinds = new Set<string>();
  const broken: string[] = [];
  for (let seed = FIRST; seed < FIRST + SEEDS && broken.length < 10; seed++) {
    const life = await simulate(seed);
    broken.push(...life.broken);
    kinds.add(life.drawn.kind);
    for (const [outcome, count] of Object.entries(life.outcomes)) outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
  }
  expect(broken).toEqual([]);
  // Every kind of end is among them.
  expect([...kinds].sort()).toEqual(["direct", "dynamic", "sequence"]);
  expect(Object.keys(outcomes).sort()).toEqual(
    ["answered", "cancelled", "expired", "fault", "full", "not started", "stopping"].sort(),
  );
});

test("the same seed makes the same life", async () => {
  for (const seed of [3, 4, 5, 6]) expect(await simulate(seed)).toEqual(await simulate(seed));
});

const swapped = (answers: Executions): Executions =>
  answers.length > 1 ? [answers[1]!, answers[0]!, ...answers.slice(2)] : answers;
const BUGS: Readonly<Record<string, Bugs>> = {
  "answers of a batch are swapped": {
    model: (model): LoadedModel => ({
      ...model,
      execute(requests, instance) {
        const answers = model.execute(requests, instance);
        return answers instanceof Promise ? answers.then(swapped) : swapped(answers);
      },
    }),
  },
  "a request is lost": {
    scheduler: scheduler => ({
      ...scheduler,
      schedule: (request, answers) =>
        request.id === "17" ? new Promise<never>(() => {}) : scheduler.schedule(request, answers),
    }),
  },
  "requests are held back, so that later ones overtake": {
    scheduler: scheduler => ({
      ...scheduler,
      schedule: (request, answers) =>
        Number(request.id) % 5 === 0
          ? elapse(3).then(() => scheduler.schedule(request, answers))
          : scheduler.schedule(request, answers),
    }),
  },
  "a limit is not kept": {
    limiter: limiter => limiter && createRateLimiter([{ name: "R", count: 99 }]),
  },
  "draining does not wait": {
    scheduler: scheduler => ({ ...scheduler, drain: () => Promise.race([scheduler.drain(), Promise.resolve()]) }),
  },
};

test.each(Object.keys(BUGS))("a bug is found: %s", async name => {
  let broken: readonly string[] = [];
  for (let seed = 1; seed <= 100 && broken.length === 0; seed++) ({ broken } = await simulate(seed, BUGS[name]!));
  expect(broken).not.toEqual([]);
});
