/** Requests that overlap may be forwarded; of those that follow each other, one in a tenth of a second. */
import { expect, test } from "vitest";
import { createOverlap } from "#runtime/server/peers/overlap.js";

test("of requests one after the other, one in a tenth of a second is forwarded", () => {
  let now = 0;
  const overlap = createOverlap(() => now);
  let forwarded = 0;
  for (; now < 1000; now++) {
    overlap.begins();
    if (overlap.mayForward()) forwarded++;
    overlap.ends();
  }
  expect(forwarded).toBe(10);
});

test("requests that overlap may all be forwarded, until they have not for a tenth of a second", () => {
  let now = 0;
  const overlap = createOverlap(() => now);
  overlap.begins();
  expect(overlap.mayForward()).toBe(true);
  expect(overlap.mayForward()).toBe(false);
  overlap.begins();
  for (; now < 99; now++) expect(overlap.mayForward()).toBe(true);
  overlap.ends();
  // The first of them is still there, and another one arrives.
  overlap.begins();
  now = 190;
  expect(overlap.mayForward()).toBe(true);
  overlap.ends();
  overlap.ends();
  now = 199;
  expect([overlap.mayForward(), overlap.mayForward()]).toEqual([true, false]);
});
