/**
 * The memory budget of a server: what is charged, what is refused, and that everything returns.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { defaultMemoryLimit } from "#runtime/base/memory/memory-limit.js";

const MIB = 2 ** 20;
const small = (): MemoryBudget => new MemoryBudget(100 * MIB, { resident: () => 0 });

describe("a memory budget", () => {
  test("refuses from 90 % on, and charges nothing then", () => {
    const budget = small();
    const charge = budget.open();
    charge.add(90 * MIB);
    expect(() => charge.add(1)).toThrow(/memory limit of 100 MiB is reached.*--memory-limit/);
    expect(budget.charged).toBe(90 * MIB);
    charge.subtract(1);
    charge.add(1);
    charge.release();
    charge.release();
    expect(budget.charged).toBe(0);
  });

  test("counts bytes that exist already without refusing them", () => {
    const budget = small();
    const charge = budget.open();
    charge.force(200 * MIB);
    expect(budget.wouldRefuse(1)).toBe(true);
    charge.release();
    expect(budget.wouldRefuse(1)).toBe(false);
  });

  test("refuses above the resident size of the process, but never everyone", () => {
    let [resident, pressed] = [95 * MIB, 0];
    const budget = new MemoryBudget(100 * MIB, { resident: () => resident, onPressure: () => pressed++ });
    expect(budget.wouldRefuse(1 * MIB)).toBe(false);
    expect(budget.wouldRefuse(3 * MIB)).toBe(true);
    expect(pressed).toBe(1);
    resident = 10 * MIB;
    expect(new MemoryBudget(100 * MIB, { resident: () => resident }).wouldRefuse(3 * MIB)).toBe(false);
  });

  test("is at zero when every owner has released, whatever happened", () => {
    const step = fc.record({
      owner: fc.nat(3),
      kind: fc.constantFrom("add", "force", "subtract", "release"),
      bytes: fc.nat(60 * MIB),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), steps => {
        const budget = small();
        const owners = [0, 1, 2, 3].map(() => budget.open());
        for (const { owner, kind, bytes } of steps)
          try {
            if (kind === "release") owners[owner]!.release();
            else owners[owner]![kind as "add" | "force" | "subtract"](bytes);
          } catch {
            // A refused charge changes nothing, which the sum shows.
          }
        expect(budget.charged).toBe(owners.reduce((sum, { bytes }) => sum + bytes, 0));
        for (const owner of owners) owner.release();
        expect(budget.charged).toBe(0);
      }),
    );
  });
});

test("the default limit is 75 % of the control group's limit, else of the machine's memory", () => {
  expect(defaultMemoryLimit(4 * MIB, 16 * MIB)).toBe(3 * MIB);
  expect(defaultMemoryLimit(0, 16 * MIB)).toBe(12 * MIB);
  expect(defaultMemoryLimit(2 ** 63, 16 * MIB)).toBe(12 * MIB);
});
