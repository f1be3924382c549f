/**
 * The phases of a sequence, as the table has them: any events in any order keep what the scheduler relies on.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  advance,
  hasEnded,
  isRunning,
  PHASES,
  type Phase,
  type PhaseEvent,
} from "#runtime/server/scheduling/sequence-phase.js";

const EVENTS: readonly PhaseEvent[] = ["seat", "run", "done", "end", "release"];

test("a sequence runs only in its slot, one request at a time, and an ended one stays ended", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 30 }), events => {
      const sequence: { phase: Phase } = { phase: "waiting" };
      let isSeated = false;
      for (const event of events) {
        const before = sequence.phase;
        advance(sequence, event);
        if (before !== sequence.phase && event === "seat") isSeated = true;
        if (isRunning(sequence)) expect(isSeated).toBe(true);
        if (PHASES[before].hasEnded) expect(hasEnded(sequence)).toBe(true);
        if (before === "gone") expect(sequence.phase).toBe("gone");
        // A slot is not freed under a request that runs.
        if (PHASES[before].isRunning) expect(sequence.phase).not.toBe("gone");
        if (event === "end") expect(hasEnded(sequence)).toBe(true);
      }
    }),
  );
});

test("every phase but the first is reached, and the last one from each", () => {
  const after = (phase: Phase): readonly Phase[] => Object.values(PHASES[phase].on);
  const reached = (from: Phase, found = new Set<Phase>([from])): ReadonlySet<Phase> => {
    for (const next of after(from)) if (!found.has(next)) reached(next, found.add(next));
    return found;
  };
  expect([...reached("waiting")].sort()).toEqual(Object.keys(PHASES).sort());
  for (const phase of Object.keys(PHASES) as Phase[]) expect(reached(phase)).toContain("gone");
});
