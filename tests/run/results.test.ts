/** The last lines of `npm test`: every failure counts and is named, also one that a second run does not show. */
import { describe, expect, test } from "vitest";
import { AGAIN, countsOf, failuresOf, lastLines, passingAlone } from "../../scripts/test-results.mjs";

const ROOT = new URL("../..", import.meta.url).pathname;

interface Assertion {
  readonly status: string;
  readonly fullName: string;
  readonly failureMessages?: readonly string[];
}

const record = (name: string, status: string, assertionResults: readonly Assertion[] = [], message = "") => ({
  name: `${ROOT}${name}`,
  status,
  message,
  assertionResults,
});
const passed = (fullName: string): Assertion => ({ status: "passed", fullName });
const failed = (fullName: string): Assertion => ({ status: "failed", fullName, failureMessages: ["no\n  at x"] });

describe("counts", () => {
  test("a file that does not load is a failure", () => {
    expect(countsOf(record("a", "failed", [], "SyntaxError"))).toEqual({ passed: 0, failures: 1, skipped: 0 });
  });

  test("tests by their status", () => {
    const tests = [passed("a"), failed("b"), failed("c"), { status: "skipped", fullName: "d" }];
    expect(countsOf(record("a", "failed", tests))).toEqual({ passed: 1, failures: 2, skipped: 1 });
  });

  test("a file that fails after its tests passed, in afterAll", () => {
    expect(countsOf(record("a", "failed", [passed("a")]))).toEqual({ passed: 1, failures: 1, skipped: 0 });
  });
});

describe("a second run of failed files", () => {
  const good = record("a", "passed", [passed("x")]);
  const bad = record("b", "failed", [passed("y"), failed("z\nz")]);
  const files = [good, bad];

  test("names those that pass alone, whose failures count and are listed", async () => {
    const runs: string[] = [];
    const alone = await passingAlone(files, async (name: string) => {
      runs.push(name);
      return record("b", "passed", [passed("y"), passed("z")]);
    });
    expect(runs).toEqual([bad.name]);
    expect(failuresOf(files, alone)).toEqual(["b (passes alone): z z: no\n  at x"]);
    expect(files.map(countsOf).map(({ failures }) => failures)).toEqual([0, 1]);
  });

  test.each([
    ["fails again", bad],
    ["ends without a record", undefined],
  ])("a file that %s does not pass alone", async (_, again) => {
    const alone = await passingAlone(files, async () => again);
    expect(failuresOf(files, alone)).toEqual(["b: z z: no\n  at x"]);
  });

  test("many failures are not run again", async () => {
    const many = Array.from({ length: AGAIN + 1 }, (_, i) => record(`f${i}`, "failed", [failed("x")]));
    const run = async (): Promise<never> => {
      throw new Error("is not called");
    };
    expect(await passingAlone(many, run)).toEqual(new Set());
  });
});

describe("the last lines", () => {
  test("the first line of each failure", () => {
    expect(lastLines(failuresOf([record("a", "failed", [failed("x")])]))).toBe("a: x: no\n");
    expect(lastLines([])).toBe("");
  });

  test("name the line of the test's file, not that of a helper", () => {
    const stack = `no\n    at help (${ROOT}tests/help.ts:3:1)\n    at ${ROOT}tests/a.test.ts:177:5\n    at run (${ROOT}tests/a.test.ts:9:1)`;
    const file = record("tests/a.test.ts", "failed", [{ ...failed("x"), failureMessages: [stack] }]);
    expect(failuresOf([file], new Set([file.name]))).toEqual([
      expect.stringMatching(/^tests\/a\.test\.ts:177 \(passes alone\): x: no\n/),
    ]);
  });

  test("have what repeats a property that failed", () => {
    const reason =
      'Error: Property failed after 7 tests\n{ seed: 5, path: "6:0", endOnFailure: true }\nCounterexample: [[1]]\nShrunk 2 time(s)\n    at x';
    const lines = lastLines(failuresOf([record("a", "failed", [{ ...failed("x"), failureMessages: [reason] }])]));
    expect(lines).toBe(
      'a: x: Error: Property failed after 7 tests { seed: 5, path: "6:0", endOnFailure: true } Counterexample: [[1]]\n',
    );
  });

  test("are bounded", () => {
    const lines = lastLines(Array.from({ length: 100 }, () => "x".repeat(1000))).split("\n");
    expect(lines).toHaveLength(42);
    expect(lines[0]).toHaveLength(300);
    expect(lines[40]).toBe("✘ and 60 more");
  });
});
