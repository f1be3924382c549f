// Sets of positions that are computed at once or in turns, by a clock of the test's own.
import { afterEach, expect, test, vi } from "vitest";
import type { Expression } from "#contract/expression.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { noBits } from "#runtime/engine/predicate/bits.js";
import { preparePredicate } from "#runtime/engine/predicate/predicate.js";
import { byPosition } from "#runtime/stores/attributes/attribute-column.js";
import { scalars } from "../../../operators/step.js";

afterEach(() => {
  vi.restoreAllMocks();
});

/** Each reading of the clock is this many milliseconds later than the one before. */
function clock(ms: number): void {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => {
    now += ms;
    return now;
  });
}

/** Two blocks of positions, whose prices are their numbers. */
const POSITIONS = 10_000;
function table() {
  const prices = Array.from({ length: POSITIONS }, (_, i) => i);
  const { values } = scalars("float64", prices);
  const validity = new Uint8Array(POSITIONS).fill(1);
  const steps = byPosition("float64", { values, validity }, Int32Array.from(prices));
  let step = steps.next();
  while (!step.done) step = steps.next();
  return {
    positions: POSITIONS,
    known: noBits(POSITIONS).fill(255),
    lacking: 0,
    columns: new Map([["price", step.value]]),
  };
}

const call = (name: string, ...args: Expression[]) => ({ call: name, args }) as Expression;
const price = { column: "item.price" };
const AT_LEAST_10 = call("greaterOrEqual", price, { number: 10 });
const BELOW_LIMIT = call("less", price, { column: "user.limit" });

function opened(...conditions: readonly Expression[]) {
  const predicate = preparePredicate(conditions, "step `s`");
  const made = table();
  return (limit: number) => {
    const user = new Map([["limit", scalars("float64", [limit], rootRows(1))]]);
    return predicate.begin(made, user, 1).candidates(0);
  };
}

test("short work has its result at once, however many blocks it has", () => {
  clock(0);
  expect(opened(AT_LEAST_10, BELOW_LIMIT)(9000)).toMatchObject({ count: 8990 });
});

test("work of 2 ms or more gives other work its turns", async () => {
  clock(2);
  const candidates = opened(AT_LEAST_10)(0);
  expect(candidates).toBeInstanceOf(Promise);
  expect((await candidates).count).toBe(POSITIONS - 10);
});

test("a set that takes its turns is joined with one that is there", async () => {
  const candidatesOf = opened(AT_LEAST_10, BELOW_LIMIT);
  clock(0);
  candidatesOf(20);
  clock(2);
  const candidates = candidatesOf(9000);
  expect(candidates).toBeInstanceOf(Promise);
  expect((await candidates).count).toBe(8990);
  // Kept sets need no turn.
  expect(candidatesOf(9000)).toMatchObject({ count: 8990 });
});
