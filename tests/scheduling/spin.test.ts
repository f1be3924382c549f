/** Threads that look for work before they sleep: how long, how many at a time, and when they leave it. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createSpin, freeSeats, spinSeats } from "#runtime/backends/javascript/spin.js";

let clock: number;
beforeEach(() => {
  clock = 1;
  vi.spyOn(performance, "now").mockImplementation(() => {
    clock += 0.01;
    return clock;
  });
});
afterEach(() => void vi.restoreAllMocks());

const seatsFor = (threads: number): SharedArrayBuffer => new SharedArrayBuffer(4 * threads);
const after = (looks: number): (() => boolean) => {
  let left = looks;
  return () => --left < 0;
};
/** A long look in vain. @returns how often it looked */
function vain(spin: (look: () => boolean) => boolean): number {
  let looks = 0;
  expect(
    spin(() => {
      looks++;
      return false;
    }),
  ).toBe(false);
  return looks;
}

test("a thread looks until it finds something, and gives its seat back", () => {
  const seats = seatsFor(1);
  const spin = createSpin(1000, seats, 7);
  expect(spin(after(1000))).toBe(true);
  expect(spin(after(0))).toBe(true);
  expect([...new Int32Array(seats)]).toEqual([0]);
});

test("no more threads look at a time than there are seats; the others look once", () => {
  const seats = seatsFor(1);
  const [first, second] = [createSpin(1000, seats, 1), createSpin(1000, seats, 2)];
  let others = 0;
  expect(
    first(() => {
      others += vain(second);
      return others === 5;
    }),
  ).toBe(true);
  expect(second(after(5))).toBe(true);
  expect(vain(createSpin(1000, seatsFor(0), 1))).toBe(1);
  expect(spinSeats().byteLength % 4).toBe(0);
});

test("a thread that looks in vain leaves it, and tries again now and then", () => {
  const spin = createSpin(1, seatsFor(1), 1);
  const looks = Array.from({ length: 200 }, () => vain(spin));
  const long = looks.flatMap((count, i) => (count > 1 ? [i] : []));
  expect(long.slice(0, 4)).toEqual([0, 1, 2, 3]);
  expect(long.length).toBeLessThan(40);
  expect(Math.max(...long)).toBeGreaterThan(150);
  // What it finds after all makes it look again.
  for (let i = 0; i < 200; i++) spin(after(1));
  expect(vain(spin)).toBeGreaterThan(1);
});

test("a thread that stood still while it looked leaves the processor to others", () => {
  const spin = createSpin(1000, seatsFor(1), 1);
  let looks = 0;
  const slow = (): boolean => {
    if (looks++ === 3) clock += 5;
    return looks > 100;
  };
  expect(spin(slow)).toBe(true);
  expect(vain(spin)).toBe(1);
});

test("the seat of a thread that ended is free again, and only that", () => {
  const seats = seatsFor(3);
  new Int32Array(seats).set([4, 5, 4]);
  freeSeats(seats, 4);
  expect([...new Int32Array(seats)]).toEqual([0, 5, 0]);
});
