/** The list of tests that differ with several workers names tests that exist. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./graph.mjs";
import known from "./known-with-workers.json" with { type: "json" };

test("each test that is left out with several workers is in its file", () => {
  for (const [reason, tests] of Object.entries<readonly string[]>(known)) {
    expect(reason.length).toBeGreaterThan(20);
    expect(tests.length).toBeGreaterThan(0);
    for (const one of tests) {
      const at = one.indexOf(": ");
      expect(readFileSync(join(ROOT, one.slice(0, at)), "utf8")).toContain(JSON.stringify(one.slice(at + 2)));
    }
  }
});
