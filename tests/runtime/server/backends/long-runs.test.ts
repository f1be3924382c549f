/** A model whose runs are long runs in threads: the event loop turns meanwhile, instances compute beside each other, and the answers are the same. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, expect, test } from "vitest";
import { graphBuilder } from "#compiler/onnx/graph-builder.js";
import { printOnnxModel } from "#formats/onnx/onnx-model.js";
import { callCosts } from "#runtime/base/call-costs.js";
import type { OnnxSession } from "#runtime/server/backends/onnx-run.js";
import { openSession } from "#runtime/server/backends/onnx-session.js";

const options = { executionProviders: ["cpu"], logSeverityLevel: 4, intraOpNumThreads: 1 } as const;
const SIDE = 512;
const sessions: OnnxSession[] = [];
afterAll(() => Promise.all(sessions.map(session => session.release())));

/** X · X · X …, and a text beside it: far above ten milliseconds for SIDE rows, nothing for two. */
function powers(): string {
  const graph = graphBuilder();
  const x = graph.input("X", "float32", ["n", "n"]);
  let product = x;
  for (let i = 0; i < 16; i++) product = graph.op("MatMul", [product, x], "float32");
  graph.output("Y", product, ["n", "n"]);
  graph.output("SAID", graph.input("SAY", "string", ["m"]), ["m"]);
  const file = join(mkdtempSync(join(tmpdir(), "powers-")), "powers.onnx");
  writeFileSync(file, printOnnxModel(graph.finish("powers", { ir: 8, opset: 18, ml: 3 })));
  return file;
}

const feeds = (side: number, turn = 0) => ({
  // A view in the middle of other numbers, as tensors of a request are.
  X: new ort.Tensor(
    "float32",
    Float32Array.from({ length: side * side + 5 }, (_, i) => ((i + turn) % 7) / side / 4).subarray(5),
    [side, side],
  ),
  SAY: new ort.Tensor("string", ["grüße", ""], [2]),
});

async function open(large: boolean, instances = 1): Promise<OnnxSession> {
  const session = await openSession(powers(), options, { instances, large });
  sessions.push(session);
  return session;
}

/** Number of turns of the event loop during the work. */
async function turns<T>(work: Promise<T>): Promise<number> {
  let count = 0;
  let going = true;
  const turn = (): void => {
    count++;
    if (going) setTimeout(turn);
  };
  turn();
  await work;
  going = false;
  return count;
}

/** Runs until the long ones are in threads: the event loop turns a few times at most while they are on it. */
async function untilInThreads(session: OnnxSession): Promise<void> {
  // A first run of this size is in a process.
  await session.run(feeds(SIDE), ["Y"]);
  await expect.poll(() => turns(session.run(feeds(SIDE), ["Y"])), { timeout: 30_000, interval: 1 }).toBeGreaterThan(5);
}

test("long runs leave the event loop and answer the same; quick ones stay on it", async () => {
  const session = await open(false);
  const here = await session.run(feeds(SIDE), ["Y", "SAID"]);
  await untilInThreads(session);
  const there = await session.run(feeds(SIDE), ["Y", "SAID"]);
  expect(there).toEqual(here);
  expect(there.SAID!.data).toEqual(["grüße", ""]);
  let now: unknown;
  for (let i = 0; i < 1000 && !now; i++) {
    await session.run(feeds(2), ["Y"]);
    now = session.runSync!(feeds(2), ["Y"]);
  }
  expect(now).toEqual(await session.run(feeds(2), ["Y"]));
}, 60_000);

test("each instance has a thread; faults are the run's own, and the next run is answered", async () => {
  const session = await open(false, 3);
  await untilInThreads(session);
  const expected: unknown[] = [];
  for (let i = 0; i < 4; i++) expected.push(await session.run(feeds(SIDE, i), ["Y"]));
  expect(await Promise.all(expected.map((_, i) => session.run(feeds(SIDE, i), ["Y"])))).toEqual(expected);
  const wrong = { ...feeds(SIDE), X: new ort.Tensor("float32", new Float32Array(SIDE * SIDE), [SIDE * SIDE, 1]) };
  await expect(session.run(wrong, ["Y"])).rejects.toThrow(/MatMul/);
  await expect(session.run({ X: feeds(SIDE).X }, ["Y"])).rejects.toThrow("input 'SAY' is missing");
  expect(await session.run(feeds(SIDE, 1), ["Y"])).toEqual(expected[1]);
}, 60_000);

test("a large model is not held twice: all its runs are the threads'", async () => {
  const session = await open(true);
  const small = await session.run(feeds(2), ["Y"]);
  await untilInThreads(session);
  expect(session.runSync!(feeds(2), ["Y"])).toBeUndefined();
  expect(await session.run(feeds(2), ["Y"])).toEqual(small);
}, 60_000);

test("two long calls on end are long; a single one may be a machine's pause", () => {
  const costs = callCosts();
  costs.learn(1, 2, 50_000);
  expect(costs.isLong(1, 2)).toBe(false);
  costs.learn(1, 2, 30_000);
  expect(costs.isLong(1, 2)).toBe(true);
  expect(costs.isLong(1, 0.5)).toBe(false);
  costs.learn(1, 2, 300);
  expect(costs.isLong(1, 2)).toBe(false);
});

test("a size that was never seen may be long if its cost may grow faster than it", () => {
  const costs = callCosts();
  expect(costs.mayBeLong(13, 8192)).toBe(true);
  expect(costs.mayBeLong(12, 4096)).toBe(false);
  costs.learn(12, 4096, 100);
  // Eight times for twice the size.
  expect([13, 14, 15].map(size => costs.mayBeLong(size, 2 ** size))).toEqual([false, false, true]);
  costs.learn(15, 2 ** 15, 2_000_000);
  expect(costs.mayBeLong(15, 2 ** 15)).toBe(false);
  expect(costs.isEndless(15, 2 ** 15)).toBe(true);
});
