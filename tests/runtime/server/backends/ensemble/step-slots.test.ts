// The slots of an ensemble's step: their order, cancellation, and a crowd that has failed meanwhile.
import { expect, test } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import { stepSlots } from "#runtime/server/backends/ensemble/step-slots.js";

test("as many as the limit start at once, the others in order", () => {
  const slots = stepSlots(2);
  const started: number[] = [];
  for (let i = 0; i < 5; i++) slots.take(() => started.push(i));
  expect(started).toEqual([0, 1]);
  slots.release();
  expect(started).toEqual([0, 1, 2]);
  for (let i = 0; i < 4; i++) slots.release();
  expect(started).toEqual([0, 1, 2, 3, 4]);
  // All slots are free again, and no more than two.
  for (let i = 5; i < 8; i++) slots.take(() => started.push(i));
  expect(started.slice(5)).toEqual([5, 6]);
});

test("a request that is cancelled starts at once, so that it can end, and once", () => {
  const slots = stepSlots(1);
  const started: string[] = [];
  const [early, late] = [new Cancellable(), new Cancellable()];
  early.abort();
  slots.take(() => started.push("first"));
  slots.take(() => started.push("late"), late);
  slots.take(() => started.push("behind"));
  slots.take(() => started.push("early"), early);
  expect(started).toEqual(["first", "early"]);
  late.abort();
  expect(started).toEqual(["first", "early", "late"]);
  for (let i = 0; i < 2; i++) slots.release();
  expect(started).not.toContain("behind");
  slots.release();
  expect(started.slice(3)).toEqual(["behind"]);
});

test("a hundred thousand waiting starts that release at once overflow no stack", () => {
  const slots = stepSlots(1);
  let started = 0;
  slots.take(() => started++);
  for (let i = 0; i < 100_000; i++)
    slots.take(() => {
      started++;
      slots.release();
    });
  slots.release();
  expect(started).toBe(100_001);
});

test("a start that throws leaves the others their turn", () => {
  const slots = stepSlots(1);
  let started = false;
  slots.take(() => {});
  slots.take(() => {
    throw new Error("broken");
  });
  slots.take(() => {
    started = true;
  });
  expect(() => slots.release()).toThrowError("broken");
  slots.release();
  expect(started).toBe(true);
});
