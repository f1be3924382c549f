import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";

const SCRIPT = new URL("../../scripts/loop.mjs", import.meta.url).pathname;

/** `+28.2 %` → 0.282 */
const shares = (line: string): number[] =>
  [...line.matchAll(/([+−])(\d+\.\d) %/g)].map(([, sign, digits]) => ((sign === "−" ? -1 : 1) * Number(digits)) / 100);

test("npm run loop: serve, log, join, train, evaluate, split; both estimates are near the truth", async () => {
  const child = spawn(process.execPath, [SCRIPT, "--visits", "600", "--seed", "3"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  const [output, faults, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise(done => child.once("close", done)),
  ]);
  expect(code, faults + output).toBe(0);
  const lineOf = (name: string): number[] => shares(output.split("\n").find(line => line.includes(name)) ?? "");
  const [truth] = lineOf("the truth");
  expect(truth).toBeGreaterThan(0.1);
  // Draws are not seeded. The distance of an estimate is 8 standard errors at most, so that this fails for a wrong estimate and not by chance.
  for (const name of ["the log of the old ensemble", "the split of users"]) {
    const [lift, low, high] = lineOf(name);
    expect(Math.abs(lift! - truth!), name).toBeLessThan(2 * (high! - low!));
    expect(high! - low!, name).toBeLessThan(0.6);
  }
}, 300_000);

test("npm run loop: a setting that is not a number is refused", async () => {
  const child = spawn(process.execPath, [SCRIPT, "--visits", "many"], { stdio: ["ignore", "pipe", "pipe"] });
  const faults = text(child.stderr);
  expect(await new Promise(done => child.once("close", done))).toBe(1);
  expect(await faults).toContain("--visits is many; it takes a whole number from 1");
});
