/** Colors: NO_COLOR, FORCE_COLOR and `--no-color`, in the rule and in the output of the commands. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { takeNoColor } from "#cli/no-color.js";
import { wantsColor } from "#contract/wants-color.js";
import { MERLON } from "../needs/built.js";
import { ROOT } from "../run/graph.mjs";

const terminal = { isTTY: true };
const file = {};

test.each([
  [{}, true, false],
  [{ NO_COLOR: "1" }, false, false],
  [{ NO_COLOR: "0" }, false, false],
  [{ NO_COLOR: "" }, true, false],
  [{ TERM: "dumb" }, false, false],
  [{ FORCE_COLOR: "1" }, true, true],
  [{ FORCE_COLOR: "" }, true, true],
  [{ FORCE_COLOR: "3", NO_COLOR: "1" }, true, true],
  [{ FORCE_COLOR: "0" }, false, false],
  [{ FORCE_COLOR: "false", NO_COLOR: "" }, false, false],
])("%j: a terminal %s, a file %s", (env, onTerminal, inFile) => {
  expect([wantsColor(terminal, env), wantsColor(file, env)]).toEqual([onTerminal, inFile]);
});

test("--no-color may stand anywhere before `--`, and counts more than FORCE_COLOR", () => {
  const env: Record<string, string | undefined> = { FORCE_COLOR: "1" };
  expect(takeNoColor(["node", "merlon", "check", "x", "--no-color"], env)).toEqual(["node", "merlon", "check", "x"]);
  expect(env).toEqual({ NO_COLOR: "1" });
  const other = { FORCE_COLOR: "1" };
  expect(takeNoColor(["merlon", "tsc", "--", "--no-color"], other)).toEqual(["merlon", "tsc", "--", "--no-color"]);
  expect(other).toEqual({ FORCE_COLOR: "1" });
});

test("what `merlon check` prints", () => {
  const sample = join(ROOT, "tests", "samples", "error-name", "main.workflow.ts");
  const { NO_COLOR: _, FORCE_COLOR: __, ...clean } = process.env;
  const check = (env: NodeJS.ProcessEnv, ...words: string[]): boolean => {
    const { status, stderr } = spawnSync(process.execPath, [MERLON, "check", sample, ...words], {
      encoding: "utf8",
      env: { ...clean, ...env },
    });
    expect(status).toBe(1);
    expect(stderr).toContain("error");
    return stderr.includes("\u001b[");
  };
  expect(check({})).toBe(false);
  expect(check({ FORCE_COLOR: "1" })).toBe(true);
  expect(check({ FORCE_COLOR: "1" }, "--no-color")).toBe(false);
});
