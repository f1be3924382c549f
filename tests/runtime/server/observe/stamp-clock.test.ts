/** Stamps of the log: in the order of its lines, as near to the clock of the day as that allows. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { stampClock } from "#runtime/server/observe/stamp-clock.js";

/** A clock of the day that is corrected by steps, and a steady one. */
const steps = fc.array(
  fc.record({ passes: fc.double({ min: 0, max: 5, noNaN: true }), jump: fc.integer({ min: -900, max: 900 }) }),
  {
    maxLength: 50,
  },
);

test("small corrections of the clock keep the order, and each stamp is within a millisecond of it or waits for it", () => {
  fc.assert(
    fc.property(steps, all => {
      let steady = 0;
      let ahead = 1.7e12;
      const stamp = stampClock(
        () => Math.floor(steady + ahead),
        () => steady,
      );
      let [last, most] = [0, 0];
      for (const { passes, jump } of all) {
        steady += passes;
        ahead += jump;
        const now = Math.floor(steady + ahead) * 1000;
        const micros = stamp();
        expect(Number.isSafeInteger(micros)).toBe(true);
        // A second back in all is a clock that was set.
        if (most - now <= 1_000_000) expect(micros).toBeGreaterThanOrEqual(last);
        if (now > last) {
          expect(micros).toBeGreaterThanOrEqual(now);
          expect(micros).toBeLessThan(now + 1000);
        }
        last = micros;
        most = Math.max(most, micros);
      }
    }),
  );
});

test("a clock that is set back by more is followed", () => {
  let wall = 1.7e12;
  const stamp = stampClock(
    () => wall,
    () => 0,
  );
  expect(stamp()).toBe(1.7e15);
  wall -= 3_600_000;
  expect(stamp()).toBe(1.7e15 - 3.6e9);
});
