/** The table of `npm run mutate`, its samples, and the mutants that are judged equivalent. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { testFiles } from "../../scripts/test-needs.mjs";
import { ROOT } from "../run/graph.mjs";
import { FOLDERS } from "./folders.mjs";
import { digestOf, identified, isAbout, keyOf, pathOf, readKept, sampleOf, toKeep, wilson } from "./mutants.mjs";

interface Entry {
  readonly file: string;
  readonly line: string;
  readonly mutator: string;
  readonly replacement: string;
  readonly nth?: number;
  readonly reason: string;
}
const entries = JSON.parse(readFileSync(join(import.meta.dirname, "equivalent.json"), "utf8")) as readonly Entry[];

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

describe("mutants that are judged equivalent", () => {
  test("each has a reason, and its line is in its file", () => {
    const wrong = entries.filter(
      ({ file, line, reason }) => !(reason.length > 20 && readFileSync(join(ROOT, file), "utf8").includes(line)),
    );
    expect(wrong).toEqual([]);
  });
  test("none is listed twice", () => {
    expect(new Set(entries.map(({ reason: _, ...what }) => JSON.stringify(what))).size).toBe(entries.length);
  });
  test("an entry is about the mutants of its line, mutator and replacement", () => {
    const entry = { file: "runtime/1.ts", line: "line 1", mutator: "BlockStatement", replacement: "{}" };
    const [first, second] = identified([mutant(1), mutant(1)]);
    expect([isAbout(entry, first), isAbout(entry, second)]).toEqual([true, true]);
    for (const other of [mutant(2), mutant(4), { ...mutant(1), replacement: "" }])
      expect(isAbout(entry, other)).toBe(false);
    expect([isAbout({ ...entry, nth: 1 }, first), isAbout({ ...entry, nth: 1 }, second)]).toEqual([false, true]);
  });
});

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

test("mutants that are judged and no survivors are kept by file and status, and read again", () => {
  const judged = identified([1, 1, 2, 3, 3, 4].map(mutant)).map((one: object, i: number) => ({
    ...one,
    status: ["Killed", "Timeout", "Killed", undefined, "Survived", "NoCoverage"][i],
  }));
  const kept = toKeep(judged);
  const [first, second, third, last] = judged.map(({ identity }: { identity: string }) => digestOf(identity));
  expect(kept).toEqual({
    "runtime/1.ts": { Killed: first, Timeout: second },
    "runtime/2.ts": { Killed: third },
  });
  const statuses = readKept(kept);
  expect([first, second, third, last].map(digest => statuses.get(digest))).toEqual([
    "Killed",
    "Timeout",
    "Killed",
    undefined,
  ]);
  expect(readKept({})).toEqual(new Map());
});

test("a mutant has the same key in the tree and in a sandbox of it", () => {
  const one = mutant(4);
  const sandboxed = { ...one, fileName: join(ROOT, ".cache/mutation/x/sandbox/sandbox-Ab12/runtime/1.ts") };
  expect(pathOf(one.fileName, ROOT)).toBe("runtime/1.ts");
  expect(keyOf(sandboxed)).toBe(keyOf(one));
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
