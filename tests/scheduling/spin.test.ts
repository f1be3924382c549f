/** Threads that look for work before they sleep: how long, how many at a time, and when they leave it. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createSeats, createSpin, type Spin } from "#runtime/backends/javascript/spin.js";

let clock: number;
beforeEach(() => {
  clock = 1;
  vi.spyOn(performance, "now").mockImplementation(() => {
    clock += 0.001;
    return clock;
  });
});
afterEach(() => void vi.restoreAllMocks());

/** Requests that came alone. */
function seatsFor(processors: number): ReturnType<typeof createSeats> {
  const seats = createSeats(processors);
  for (let i = 0; i < 100; i++) seats.asked(true);
  return seats;
}
const after = (looks: number): (() => boolean) => {
  let left = looks;
  return () => --left < 0;
};
/** A look in vain. @returns how often it looked */
function vain(spin: Spin): number {
  let looks = 0;
  const found = spin(() => {
    looks++;
    return false;
  });
  expect(found).toBe(false);
  return looks;
}

test("a thread looks until it finds something, and gives its seat back", () => {
  const { shared } = seatsFor(2);
  const spin = createSpin(shared, 7);
  expect(spin(after(1000))).toBe(true);
  expect(spin(after(0))).toBe(true);
  expect([...new Int32Array(shared)]).toEqual([1, 0]);
});

test("one processor is left to others: a thread without a seat looks for a short time, and where there is only one nobody does", () => {
  const { shared } = seatsFor(2);
  const [first, second] = [createSpin(shared, 1), createSpin(shared, 2)];
  const others: number[] = [];
  first(() => others.push(vain(second)) === 5);
  const long = vain(first);
  expect(others[0]).toBeGreaterThan(1);
  expect(long).toBeGreaterThan(5 * others[0]!);
  expect(vain(createSpin(seatsFor(1).shared, 1))).toBe(1);
});

test("nobody looks for long while requests come together", () => {
  const seats = createSeats(2);
  const look = (): number => vain(createSpin(seats.shared, 1));
  const short = look();
  for (let i = 0; i < 100; i++) seats.asked(true);
  expect(look()).toBeGreaterThan(5 * short);
  for (let i = 0; i < 100; i++) seats.asked(i % 2 === 0);
  expect(look()).toBe(short);
});

test("a thread that looks in vain leaves it, and tries again now and then", () => {
  const spin = createSpin(seatsFor(2).shared, 1);
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
  const spin = createSpin(seatsFor(2).shared, 1);
  let looks = 0;
  const slow = (): boolean => {
    if (looks++ === 3) clock += 0.6;
    return false;
  };
  expect(spin(slow)).toBe(false);
  expect(looks).toBeGreaterThan(3);
  expect(vain(spin)).toBe(1);
});

test("the seat of a thread that ended is free again, and only that", () => {
  const seats = seatsFor(4);
  const words = new Int32Array(seats.shared);
  words.set([1, 4, 5, 4]);
  seats.free(4);
  expect([...words]).toEqual([1, 0, 5, 0]);
});
