/**
 * Names of models and paths of files that clients send: none is a path. The attacks run in a jail, whose files are compared afterwards.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Jail, openJail } from "./support/jail.js";

let jail: Jail;
beforeEach(() => {
  jail = openJail();
});
afterEach(() => jail.dispose());

test("hostile names at every entry point, with and without file overrides, touch nothing outside", () => {
  const ran = jail.run("hostile-names.mjs", { timeoutMs: 150_000 });
  expect(ran, ran.stderr).toMatchObject({ status: 0, signal: null });
  const result = JSON.parse(ran.stdout) as { runs: number };
  expect(result).toMatchObject({ failed: false, counterexample: null, error: null, left: [], internal: [] });
  expect(result.runs).toBeGreaterThanOrEqual(150);
  const good = ["inside/repository/good", "inside/repository/good/1", "inside/repository/good/config.pbtxt"];
  expect(jail.damage()).toEqual(good.map(path => `${path}: new`));
}, 160_000);

test("folders of a repository and flags with hostile names touch nothing outside", () => {
  const ran = jail.run("hostile-folders.mjs");
  expect(ran, ran.stderr).toMatchObject({ status: 0, signal: null });
  const { ready, live, started } = JSON.parse(ran.stdout) as {
    ready: number;
    live: number;
    started: [string, number][];
  };
  expect(live).toBe(200);
  expect(ready).toBeGreaterThan(10);
  for (const [flag, status] of started) expect(status, flag).not.toBe(200);
  expect(jail.damage().filter(line => !line.startsWith("inside/repository/"))).toEqual([]);
});
