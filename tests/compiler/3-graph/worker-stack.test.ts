/**
 * The stack of a thread that doesn't end, which can be terminated at any time, also on a busy machine.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { workerStack } from "#compiler/3-graph/worker-stack.js";

async function started(work: string): Promise<Worker> {
  const worker = new Worker(`require("node:worker_threads").parentPort.postMessage(1);\n${work}`, { eval: true });
  await new Promise(begun => worker.once("message", begun));
  return worker;
}

/** False for a thread that is not terminated in time. */
const terminated = (worker: Worker): Promise<boolean> =>
  Promise.race([worker.terminate().then(() => true), delay(20_000, false, { ref: false })]);

test.each([
  ["runs in a loop", "for (;;);", /^ {4}at .*:2:\d+\n/],
  ["waits for a lock", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);", /^ {4}at .*:2:\d+\n/],
  ["waits for a timer", "setTimeout(() => {}, 1e6);", /^$/],
])("a thread that %s is found by its line, if it has one", async (_, work, stack) => {
  const worker = await started(work);
  // A thread is seen on its way into the wait, too.
  await expect.poll(() => workerStack(worker, 2_000), { timeout: 20_000 }).toMatch(stack);
  expect(await terminated(worker)).toBe(true);
});

// As on a machine that is too busy for the thread to respond: it would pause after its caller has stopped waiting.
test.each([0, 1, 2, 4, 8, 16])("a thread that has %i ms to answer can be terminated", async ms => {
  const worker = await started("for (;;);");
  await workerStack(worker, ms);
  expect(await terminated(worker)).toBe(true);
});
