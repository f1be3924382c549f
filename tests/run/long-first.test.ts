/** The files that start first are there, and start in this order. */
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TestSpecification, Vitest } from "vitest/node";
import { testFiles } from "../../scripts/test-needs.mjs";
import { ROOT } from "./graph.mjs";
import { LONG } from "./long-files.mjs";
import { LongFirst } from "./long-first.js";

test("each of the long files is there, once", () => {
  const files = new Set(testFiles());
  expect(LONG.filter(path => !files.has(path))).toEqual([]);
  expect(new Set(LONG).size).toBe(LONG.length);
});

test("long files start before others, the longest first", async () => {
  const others = ["tests/run/a.test.ts", "tests/run/b.test.ts"];
  const project = { name: "", config: { isolate: true, sequence: { groupOrder: 0 } } };
  const given = [others[0]!, LONG[5]!, others[1]!, LONG[0]!].map(
    path => ({ moduleId: join(ROOT, path), project }) as TestSpecification,
  );
  // As in a fresh clone: no file has a known time.
  const context = { cache: { getTestSpecificationResult: () => undefined } };
  const sorted = await new LongFirst(context as unknown as Vitest).sort(given);
  expect(sorted.map(({ moduleId }) => moduleId)).toEqual([LONG[0]!, LONG[5]!, ...others].map(path => join(ROOT, path)));
});
