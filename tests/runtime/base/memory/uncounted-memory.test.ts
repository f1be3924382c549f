/**
 * V8's count of memory outside its heap has the buffers that may be garbage, and no others.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LARGE } from "#runtime/base/memory/buffer-pool.js";
import { UncountedMemory } from "#runtime/base/memory/uncounted-memory.js";
import { ensureAllocator } from "../../../../scripts/native-allocator.mjs";
import { builtUrl } from "../../../needs/built.js";

const MIB = 2 ** 20;
/** For the processes of their own. */
const MODULES = [
  "runtime/base/memory/buffer-pool.js",
  "runtime/base/memory/uncounted-memory.js",
  "runtime/server/memory/allocator.js",
];

/** Its share of V8's count, as V8 and the adjustments together make it. */
function counted() {
  const uncounted = new UncountedMemory();
  const state = { bytes: 0 };
  uncounted.use(change => {
    state.bytes += change;
  });
  const make = (size: number): ArrayBuffer => {
    state.bytes += size;
    return new ArrayBuffer(size);
  };
  return { uncounted, state, make };
}

test("whatever happens to buffers, V8 counts each that was dropped or is away for two turns, and no other", () => {
  const steps = fc.array(
    fc.record({
      what: fc.constantFrom("lend", "keep", "drop", "turn"),
      which: fc.nat(5),
    }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(steps, all => {
      const { uncounted, state, make } = counted();
      const sizes = [1, 2, 4, 8, 16, 32].map(factor => factor * LARGE);
      const buffers = sizes.map(make);
      /** Turns since a buffer was lent; undefined where V8 counts it. */
      const age: (number | undefined)[] = sizes.map(() => undefined);
      for (const { what, which } of all) {
        if (what === "turn") {
          uncounted.turn();
          for (const [i, turns] of age.entries()) if (turns !== undefined) age[i] = turns < 1 ? turns + 1 : undefined;
        } else {
          uncounted[what](buffers[which]!);
          age[which] = { lend: 0, keep: Number.NEGATIVE_INFINITY, drop: undefined }[what];
        }
        const expected = sizes.reduce((sum, size, i) => sum + (age[i] === undefined ? size : 0), 0);
        expect(state.bytes).toBe(expected);
      }
    }),
    { numRuns: 300 },
  );
});

/** Loses uncounted buffers until V8 has collected them: with V8's own count, and with one that is written down. */
const LOSES = `const [{ bufferPool, uncountedBuffers }, { UncountedMemory }, { leaveBuffersUncounted }] = await Promise.all(
  process.argv.slice(1).map(module => import(module)));
const collect = async () => {
  for (let i = 0; i < 3; i++) {
    gc();
    await new Promise(done => setTimeout(done, 20));
  }
};
leaveBuffersUncounted();
for (let round = 0; round < 4; round++) {
  for (let i = 0; i < 40; i++) bufferPool.take(4 * 2 ** 20);
  for (let i = 0; i < 40; i++) bufferPool.give(bufferPool.take(9 * 2 ** 20));
  await collect();
}
let sum = 0;
const uncounted = new UncountedMemory();
uncounted.use(change => { sum += change; });
(() => { for (let i = 0; i < 8; i++) uncounted.lend(new ArrayBuffer(2 ** 20)); })();
const lent = [sum, uncounted.bytes];
await collect();
console.log(JSON.stringify({ lent, lost: [sum, uncounted.bytes], idle: uncountedBuffers.bytes <= 2 ** 28 }));`;

test("a lost buffer is in no count once V8 has collected it, and V8 can work with its count meanwhile", async () => {
  ensureAllocator(() => {});
  const args = ["--expose-gc", "--input-type=module", "-e", LOSES, ...MODULES.map(builtUrl)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(JSON.parse(stdout)).toEqual({ lent: [-8 * MIB, 8 * MIB], lost: [0, 0], idle: true });
});
