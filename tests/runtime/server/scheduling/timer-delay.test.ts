/** Delays of timers. */
import { expect, test } from "vitest";
import { timerDelay } from "#runtime/server/scheduling/timer-delay.js";

test("a timer waits no longer than Node's timers can", () => {
  expect([5, 2 ** 31 - 1, 2 ** 31, Infinity].map(timerDelay)).toEqual([5, 2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1]);
});
