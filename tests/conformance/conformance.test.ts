/**
 * Every recorded request of a real Triton, answered as Triton did, but for the differences that are listed with their reasons.
 */
import { describe, expect, test } from "vitest";
import { readKnown, surprises } from "#conformance/known.js";
import { readGroups } from "#conformance/records.js";
import { runFresh } from "#conformance/run-group.js";
import { startServer } from "#conformance/target.js";

const known = readKnown();

describe("protocol", () => {
  for (const group of readGroups())
    test(`${group.name}: ${group.records.length} records`, async () => {
      const { fresh, gone } = surprises(await runFresh(group, startServer), known);
      if (gone.length > 0)
        console.warn(`equal by now, run \`npm run conformance -- --update-known\`: ${gone.join(" ")}`);
      expect(
        fresh.map(({ id, note, differences }) => `${id} (${note}): ${differences.slice(0, 3).join("; ")}`),
      ).toEqual([]);
    });
});
