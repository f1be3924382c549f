/**
 * Compressed bodies: unpacked within the request's allowance and the server's budget, given back when they end, and ended when the client leaves.
 */
import { deflateSync, gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { type UnpackOptions, unpackBytes } from "#runtime/base/memory/unpack.js";
import { elapse } from "../run/wait.js";

const MIB = 2 ** 20;
const tooLarge = (limit: number): Error => new Error(`more than ${limit} bytes`);

function options(budget = new MemoryBudget(), more: Partial<UnpackOptions> = {}): UnpackOptions {
  return { charge: budget.open(), limit: 64 * MIB, tooLarge, ...more };
}

test.each([0, 1, 1000, 65_536, 65_537, 3 * MIB + 1])("unpacks %i bytes, and charges them", async size => {
  const plain = Buffer.alloc(size, "tensor bytes ");
  for (const [encoding, packed] of [
    ["gzip", gzipSync(plain)],
    ["deflate", deflateSync(plain)],
    ["any", gzipSync(plain)],
    ["any", deflateSync(plain)],
  ] as const) {
    const budget = new MemoryBudget();
    const given = options(budget);
    const unpacked = await unpackBytes(packed, encoding, given);
    expect(unpacked.equals(plain)).toBe(true);
    expect(budget.charged).toBeGreaterThanOrEqual(size);
    expect(budget.charged).toBeLessThanOrEqual(2 * size);
    given.charge.release();
    expect(budget.charged).toBe(0);
  }
});

test("reads the members of a gzip body one after the other", async () => {
  const packed = Buffer.concat([gzipSync("one "), gzipSync("two")]);
  expect(String(await unpackBytes(packed, "gzip", options()))).toBe("one two");
});

test("stops at the limit, and gives the memory back", async () => {
  const budget = new MemoryBudget();
  const packed = gzipSync(Buffer.alloc(64 * MIB));
  let peak = 0;
  const charge = budget.open();
  const add = charge.add.bind(charge);
  charge.add = bytes => {
    add(bytes);
    peak = Math.max(peak, budget.charged);
  };
  await expect(unpackBytes(packed, "gzip", { charge, limit: MIB, tooLarge })).rejects.toThrow(
    "more than 1048576 bytes",
  );
  expect(peak).toBeLessThan(1.2 * MIB);
  expect(budget.charged).toBe(0);
});

test("takes a body that unpacks to exactly the limit", async () => {
  const packed = gzipSync(Buffer.alloc(MIB, 7));
  expect(await unpackBytes(packed, "gzip", options(undefined, { limit: MIB }))).toHaveLength(MIB);
  await expect(unpackBytes(packed, "gzip", options(undefined, { limit: MIB - 1 }))).rejects.toThrow("more than");
});

test("stops when the server's budget is spent", async () => {
  const budget = new MemoryBudget(4 * MIB, { resident: () => 0 });
  const fault = unpackBytes(gzipSync(Buffer.alloc(64 * MIB)), "gzip", options(budget));
  await expect(fault).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  expect(budget.charged).toBe(0);
});

test("stops when the client leaves", async () => {
  const budget = new MemoryBudget();
  const signal = new Cancellable();
  const charge = budget.open();
  const add = charge.add.bind(charge);
  let additions = 0;
  charge.add = bytes => {
    add(bytes);
    if (++additions === 3) queueMicrotask(() => signal.abort());
  };
  const fault = unpackBytes(gzipSync(Buffer.alloc(64 * MIB)), "gzip", { charge, limit: 64 * MIB, tooLarge, signal });
  await expect(fault).rejects.toMatchObject({ code: "CANCELLED" });
  // Nothing runs afterwards.
  await elapse(50);
  expect(additions).toBe(3);
  expect(budget.charged).toBe(0);
  await expect(unpackBytes(gzipSync("x"), "gzip", { ...options(budget), signal })).rejects.toMatchObject({
    code: "CANCELLED",
  });
});

test.each(["gzip", "deflate"] as const)("refuses what is not %s data, and what is cut off", async encoding => {
  const budget = new MemoryBudget();
  const packed = (encoding === "gzip" ? gzipSync : deflateSync)(Buffer.alloc(MIB, "abc"));
  await expect(unpackBytes(Buffer.from("no such data"), encoding, options(budget))).rejects.toThrow();
  await expect(unpackBytes(packed.subarray(0, -9), encoding, options(budget))).rejects.toThrow();
  expect(budget.charged).toBe(0);
});

test("a lenient reader takes what there is, and nothing of other data", async () => {
  const plain = Buffer.from("a body that ends too early");
  const cut = gzipSync(plain).subarray(0, -8);
  expect(String(await unpackBytes(cut, "any", options(undefined, { lenient: true })))).toBe(String(plain));
  expect(await unpackBytes(Buffer.from("plain"), "any", options(undefined, { lenient: true }))).toHaveLength(0);
});
