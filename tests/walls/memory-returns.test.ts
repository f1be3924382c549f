/**
 * Memory is returned to the system after a peak: unit tests of the rules, and a server process that was attacked.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { type Collection, createMemoryReturner, loadAllocator } from "#runtime/server/memory/allocator.js";
import { ensureAllocator } from "../../scripts/native-allocator.mjs";
import { builtUrl } from "../needs/built.js";
import { elapse } from "../run/wait.js";
import { repository } from "../runtime/server/support.js";
import { startChildServer } from "./support/child-server.js";

const MIB = 2 ** 20;
const settle = (ms = 120) => vi.advanceTimersByTimeAsync(ms);

/** A process whose memory the test sets; `freed` is what a collection and a trim return. */
function fakeProcess({ collected = 0, trimmed = 0, charged = 0 } = {}) {
  const state = {
    resident: 100 * MIB,
    heap: 20 * MIB,
    charged,
    idle: 0,
    utilization: 0,
    collections: 0,
    ways: [] as Collection[],
    trims: 0,
    collected,
    trimmed,
  };
  const returner = createMemoryReturner({
    budget: {
      get charged() {
        return state.charged;
      },
    },
    intervalMs: 5,
    againMs: 40,
    resident: () => state.resident,
    idle: () => state.idle,
    heap: () => state.heap,
    utilization: () => state.utilization,
    collect(way) {
      state.collections++;
      state.ways.push(way);
      state.resident -= state.collected;
      state.collected = 0;
    },
    load: () => ({
      async trim() {
        state.trims++;
        state.resident -= state.trimmed;
        state.trimmed = 0;
        return true;
      },
    }),
  });
  return { state, returner };
}

describe("when memory is returned", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  test("after a peak, when the server is quiet: without a collection where a trim is enough", async () => {
    const { state, returner } = fakeProcess();
    Object.assign(state, { resident: 500 * MIB, trimmed: 400 * MIB });
    await settle();
    expect(state).toMatchObject({ resident: 100 * MIB, collections: 0, trims: 1 });
    Object.assign(state, { resident: 500 * MIB, collected: 400 * MIB });
    await settle(250);
    expect(state).toMatchObject({ resident: 100 * MIB, collections: 1, trims: 3 });
    returner.stop();
  });

  test("a heap is collected that was small before the peak, and none that is large", async () => {
    const { state, returner } = fakeProcess();
    await settle(30);
    Object.assign(state, { resident: 500 * MIB, heap: 300 * MIB, collected: 400 * MIB });
    await settle(250);
    expect(state).toMatchObject({ resident: 100 * MIB, collections: 1 });
    // The heap after the collection is live.
    Object.assign(state, { resident: 500 * MIB, collected: 400 * MIB });
    await settle(250);
    expect(state).toMatchObject({ resident: 500 * MIB, collections: 1 });
    returner.stop();
  });

  test("not for requests that wait, nor for buffers that the pool frees", async () => {
    const { state, returner } = fakeProcess({ charged: 200 * MIB });
    Object.assign(state, { resident: 500 * MIB, idle: 180 * MIB });
    await settle(1000);
    expect(state).toMatchObject({ collections: 0, trims: 0 });
    // The requests have ended, and their memory is not returned by itself.
    Object.assign(state, { charged: 0, collected: 200 * MIB });
    await settle();
    expect(state).toMatchObject({ resident: 300 * MIB, collections: 1 });
    returner.stop();
  });

  test("a little not under small requests, which change no charged memory", async () => {
    const { state, returner } = fakeProcess();
    Object.assign(state, { resident: 140 * MIB, trimmed: 40 * MIB, utilization: 0.05 });
    await settle();
    expect(state).toMatchObject({ collections: 0, trims: 0 });
    state.utilization = 0.01;
    await settle();
    expect(state).toMatchObject({ resident: 100 * MIB, trims: 1 });
    returner.stop();
  });

  test("much also under small requests, which may not end", async () => {
    const { state, returner } = fakeProcess();
    Object.assign(state, { resident: 500 * MIB, trimmed: 400 * MIB, utilization: 0.5 });
    await settle();
    expect(state).toMatchObject({ resident: 100 * MIB, trims: 1 });
    returner.stop();
  });

  test("under small requests V8 marks beside them, and no collection pauses them", async () => {
    const { state, returner } = fakeProcess();
    Object.assign(state, { resident: 500 * MIB, utilization: 0.5 });
    await settle(1000);
    expect(state.collections).toBeGreaterThan(2);
    expect(new Set(state.ways)).toEqual(new Set(["beside"]));
    returner.stop();
  });

  test("the heap's empty pages too, where nothing waits and an attempt without a pause returned little", async () => {
    const { state, returner } = fakeProcess();
    state.resident = 500 * MIB;
    await settle(600);
    expect(state.ways.slice(0, 5)).toEqual(["beside", "beside", "beside", "beside", "pages"]);
    returner.stop();
  });

  test("large requests now and then are never followed by a pause", async () => {
    const { state, returner } = fakeProcess();
    state.resident = 500 * MIB;
    for (let i = 0; i < 20; i++) {
      state.charged = i % 2 === 0 ? 100 * MIB : 0;
      // Time for one attempt: two looks, and two collections of 50 ms.
      await settle(130);
    }
    expect(state.collections).toBeGreaterThan(20);
    expect(new Set(state.ways)).toEqual(new Set(["beside"]));
    returner.stop();
  });

  test("not under large requests, nor for little", async () => {
    const { state, returner } = fakeProcess();
    // Another amount each time that it is read.
    let reads = 0;
    Object.defineProperty(state, "charged", { get: () => (reads++ % 2) * 100 * MIB, set() {} });
    state.resident = 500 * MIB;
    await settle();
    expect(reads).toBeGreaterThan(2);
    expect(state.trims).toBe(0);
    Object.assign(state, { resident: 120 * MIB });
    await settle();
    expect(state.trims).toBe(0);
    returner.stop();
  });

  test("what an attempt left is tried again, later each time", async () => {
    const { state, returner } = fakeProcess();
    state.resident = 500 * MIB;
    await settle(60);
    expect(state.collections).toBe(1);
    // A pool has given its buffers up by now.
    state.collected = 300 * MIB;
    await settle(600);
    expect(state.resident).toBe(200 * MIB);
    await settle(1000);
    // Twice an attempt.
    expect(state.collections).toBeLessThan(20);
    returner.stop();
  });

  test("after a load soon again, although attempts before it returned little", async () => {
    const { state, returner } = fakeProcess();
    state.resident = 500 * MIB;
    // So many that the next is a second away.
    await settle(2000);
    const { collections } = state;
    state.charged = 100 * MIB;
    await settle(10);
    state.charged = 0;
    await settle(150);
    expect(state.collections).toBeGreaterThan(collections);
    returner.stop();
  });

  test("near the limit at once, since requests are refused until then", async () => {
    const { state, returner } = fakeProcess({ charged: 100 * MIB });
    state.trimmed = 0;
    const budget = new MemoryBudget(200 * MIB, {
      resident: () => state.resident,
      onPressure: () => returner.relieve(),
    });
    Object.assign(state, { resident: 190 * MIB, collected: 100 * MIB });
    expect(() => budget.open().add(50 * MIB)).toThrow(/memory limit/);
    await settle(200);
    expect(state.resident).toBe(90 * MIB);
    budget.open().add(50 * MIB);
    expect(state.ways).toEqual(["at-once"]);
    returner.stop();
  });
});

/** Nothing else runs in this process that V8 would collect for. Only a collection of the whole heap clears a `WeakRef`. */
const IDLE_PROCESS = `
  import { createMemoryReturner } from ${JSON.stringify(builtUrl("runtime/server/memory/allocator.js"))};
  const garbage = new WeakRef({});
  let resident = 100 * 2 ** 20;
  createMemoryReturner({ budget: { charged: 0 }, intervalMs: 5, resident: () => resident, utilization: () => 0.5 });
  resident *= 5;
  setTimeout(() => process.stdout.write(garbage.deref() ? "kept" : "collected"), 2000);
`;

test("a collection beside the program collects", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", IDLE_PROCESS]);
  expect(stdout).toBe("collected");
});

describe.runIf(process.platform === "linux")("a server process", () => {
  test("the binding is compiled where a C compiler is", () => {
    expect(ensureAllocator(() => {})).toBe(true);
    expect(loadAllocator()).toBeDefined();
  });

  test("is as small as before after compressed bodies that unpack beyond the limit", async () => {
    ensureAllocator(() => {});
    const config =
      'name: "m" backend: "identity" input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ -1 ] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ -1 ] } ]';
    const server = await startChildServer(repository([], { "m/config.pbtxt": config, "m/1/.keep": "" }), {
      heapMb: 1024,
    });
    try {
      const bomb = gzipSync(Buffer.alloc(80 * MIB));
      const send = async (): Promise<number> => {
        const answer = await fetch(`${server.http}/v2/models/m/infer`, {
          method: "POST",
          body: bomb,
          headers: { "content-encoding": "gzip" },
        });
        await answer.text();
        return answer.status;
      };
      // Memory for the code of this path stays.
      await send();
      const before = server.megabytes("VmRSS");
      const statuses = await Promise.all(Array.from({ length: 40 }, send));
      expect(statuses.every(status => status === 400 || status === 413 || status === 503)).toBe(true);
      const peak = server.megabytes("VmHWM");
      let after = server.megabytes("VmRSS");
      // S28 allows 30 s.
      for (let i = 0; i < 30 && after > before + 48; i++) {
        await elapse(1000);
        after = server.megabytes("VmRSS");
      }
      expect(after, `${before} → ${peak} → ${after} MB`).toBeLessThan(before + 64);
    } finally {
      await server.stop();
    }
  }, 120_000);

  test("its metrics and its start say what it may hold", async () => {
    const server = await startChildServer(repository(["echo_int32"]), { flags: ["--memory-limit=2GB"] });
    try {
      expect(server.output()).toContain("--memory-limit, 2048 MiB");
      const metrics = await (await fetch(`${server.metrics}/metrics`)).text();
      expect(metrics).toMatch(/^merlon_memory_limit_bytes 2147483648$/m);
      expect(metrics).toMatch(/^merlon_memory_charged_bytes \d+$/m);
      const [, resident] = /^merlon_memory_resident_bytes (\d+)$/m.exec(metrics)!;
      expect(Number(resident) / MIB).toBeGreaterThan(20);
    } finally {
      await server.stop();
    }
  });
});
