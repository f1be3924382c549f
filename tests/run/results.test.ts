/** The last lines of `npm test`: every failure counts and is named, also one that a second run does not show. */
import { describe, expect, test } from "vitest";
import { AGAIN, countsOf, failuresOf, lastLines, runFailedAgain } from "../../scripts/test-results.mjs";

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
  const files = [record("a", "passed", [passed("x")]), record("b", "failed", [passed("y"), failed("z\nz")])];

  test("what passes alone counts as passed, and is named", async () => {
    const again = record("b", "passed", [passed("y"), passed("z")]);
    const found = await runFailedAgain(files, async () => again);
    expect(found.records).toEqual([files[0], again]);
    expect(found.unstable).toEqual(["b: z z: no\n  at x"]);
  });

  test("what fails again has failed", async () => {
    const found = await runFailedAgain(files, async () => files[1]);
    expect(found).toEqual({ records: files, unstable: [] });
  });

  test("a run that ends without a record changes nothing", async () => {
    expect(await runFailedAgain(files, async () => undefined)).toEqual({ records: files, unstable: [] });
  });

  test("many failures are not run again", async () => {
    const many = Array.from({ length: AGAIN + 1 }, (_, i) => record(`f${i}`, "failed", [failed("x")]));
    const run = async (): Promise<never> => {
      throw new Error("is not called");
    };
    expect(await runFailedAgain(many, run)).toEqual({ records: many, unstable: [] });
  });
});

describe("the last lines", () => {
  test("the first line of each failure", () => {
    expect(lastLines(failuresOf([record("a", "failed", [failed("x")])]))).toBe("a: x: no\n");
    expect(lastLines([])).toBe("");
  });

  test("are bounded", () => {
    const lines = lastLines(Array.from({ length: 100 }, () => "x".repeat(1000))).split("\n");
    expect(lines).toHaveLength(42);
    expect(lines[0]).toHaveLength(300);
    expect(lines[40]).toBe("✘ and 60 more");
  });
});
