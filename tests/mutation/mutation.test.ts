/** The table of `npm run mutate`, and its samples. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { testFiles } from "../../scripts/test-needs.mjs";
import { ROOT } from "../run/graph.mjs";
import { FOLDERS } from "./folders.mjs";
import { identified, sampleOf, wilson } from "./mutants.mjs";

const mutant = (n: number) => ({
  fileName: join(ROOT, "runtime", `${n % 3}.ts`),
  location: { start: { line: n, column: 2 }, end: { line: n, column: 9 } },
  mutatorName: "BlockStatement",
  replacement: "{}",
  line: `line ${n % 7}`,
});

describe("the table", () => {
  test.each(Object.entries(FOLDERS))("%s: its sources and tests exist", (_, { sources, tests, time }) => {
    expect(sources.filter(path => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(time).toMatch(/\d/);
    const all = testFiles();
    const matches = (pattern: string): boolean => all.some(file => matcher(pattern).test(file));
    expect(tests.flatMap(withoutBraces).filter(pattern => !matches(pattern))).toEqual([]);
  });
});

/** Vitest's patterns of one with braces: each of them has a file, so that none outlives the test that it was written for. */
function withoutBraces(pattern: string): string[] {
  const [braces, list] = /\{([^}]*)\}/.exec(pattern) ?? [];
  return list === undefined
    ? [pattern]
    : list.split(",").flatMap(one => withoutBraces(pattern.replace(braces!, () => one)));
}

/** Vitest's pattern, of the forms that the table has: `*` and `**`. */
const matcher = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replaceAll(".", "\\.")
      .replaceAll("**/", "(?:.*/)?")
      .replaceAll(/(?<!\.)\*/g, "[^/]*")}$`,
  );

describe("a sample", () => {
  const all = identified(Array.from({ length: 60 }, (_, n) => mutant(n)));
  const lines = (sample: readonly { location: { start: { line: number } } }[]): number[] =>
    sample.map(({ location }) => location.start.line);
  test("is the same for the same seed, and another for another one", () => {
    expect(lines(sampleOf(all, 10, "1"))).toEqual(lines(sampleOf(all, 10, "1")));
    expect(lines(sampleOf(all, 10, "1"))).not.toEqual(lines(sampleOf(all, 10, "2")));
    expect(new Set(lines(sampleOf(all, 60, "1"))).size).toBe(60);
  });
  test("keeps its mutants when others move or are added", () => {
    const moved = identified(
      all.map((one: (typeof all)[number]) => ({
        ...one,
        location: { ...one.location, start: { line: 0, column: 0 } },
      })),
    );
    const names = (sample: ReturnType<typeof sampleOf>): string[] =>
      sample.map((one: (typeof all)[number]) => one.fileName + one.line);
    expect(names(sampleOf(moved, 10, "1"))).toEqual(names(sampleOf(all, 10, "1")));
    const added = identified([...all, { ...mutant(90), line: "new" }]);
    const kept = new Set(lines(sampleOf(added, 11, "1")));
    expect(lines(sampleOf(all, 10, "1")).filter(line => !kept.has(line))).toEqual([]);
  });
});

// Computed by statsmodels' `proportion_confint(hits, count, method="wilson")`.
test.each([
  [85, 100, 0.767164, 0.90694],
  [300, 300, 0.987357, 1],
  [0, 10, 0, 0.277533],
])("Wilson's interval of %i in %i", (hits, count, from, to) => {
  const [low, high] = wilson(hits, count);
  expect(low).toBeCloseTo(from, 5);
  expect(high).toBeCloseTo(to, 5);
});
