/** A thread that looks for work before it sleeps: how long, and when it leaves it. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createSpinWait } from "#runtime/server/backends/javascript/spin-wait.js";

beforeEach(() => {
  let clock = 1;
  vi.spyOn(performance, "now").mockImplementation(() => {
    clock += 0.001;
    return clock;
  });
});
afterEach(() => void vi.restoreAllMocks());

/** @returns how often it looked in vain */
function vain(spin: ReturnType<typeof createSpinWait>): number {
  let looks = 0;
  expect(
    spin(() => {
      looks++;
      return false;
    }),
  ).toBe(false);
  return looks;
}

test("it polls until there is work, or for a limited time", () => {
  const spin = createSpinWait(0.02, true);
  let left = 50;
  expect(spin(() => --left < 0)).toBe(true);
  expect(vain(spin)).toBeGreaterThan(100);
});

test("it looks once where the other thread can't run meanwhile", () => {
  expect(vain(createSpinWait(0.02, false))).toBe(1);
});

test("after failed polls it polls once, retries periodically, and resumes when that pays", () => {
  const spin = createSpinWait(0.02, true);
  for (let i = 0; i < 20; i++) vain(spin);
  const looks = Array.from({ length: 32 }, () => vain(spin));
  expect(looks.filter(count => count === 1)).toHaveLength(30);
  for (let i = 0; i < 200; i++) spin(() => true);
  expect(vain(spin)).toBeGreaterThan(100);
});
