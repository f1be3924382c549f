/** The queue of jobs keeps nothing of those that have left: a collection of the young generation frees them. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { builtUrl } from "../../../needs/built.js";

/** Prints the bytes of the old generation that jobs have filled which entered and left: all were garbage before any collection. */
const CHURN = `
const { getHeapSpaceStatistics } = await import("node:v8");
const { JobQueue } = await import(process.argv[1]);
const old = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space").space_used_size;
const queue = process.argv[2] === "set" ? new Set() : new JobQueue();
const waiting = [];
const pass = count => {
  for (let i = 0; i < count; i++) {
    const job = { request: new Array(100).fill(i) };
    queue.add(job);
    waiting.push(job);
    if (waiting.length > 4) queue.delete(waiting.shift());
  }
};
pass(1000);
gc();
const before = old();
pass(20_000);
console.log(old() - before);
`;

async function oldBytes(kind: "set" | "queue"): Promise<number> {
  const module = builtUrl("runtime/server/scheduling/job-queue.js");
  const flags = ["--expose-gc", "--max-semi-space-size=1", "--input-type=module", "-e", CHURN];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, module, kind]);
  return Number(stdout);
}

test("jobs that have left are collected with the young generation, and a Set keeps them", async () => {
  expect(await oldBytes("queue")).toBeLessThan(2 ** 18);
  // Else the engine has changed, and a Set would do.
  expect(await oldBytes("set")).toBeGreaterThan(2 ** 20);
});
