/**
 * Keys and sizes of shared memory that Triton refuses, with the texts of its `shared_memory_manager.cc` and `common.cc` (2.73).
 */
import { rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createSharedMemory } from "#runtime/server/requests/shared-memory.js";

const KEY = `merlon-checks-${process.pid}`;
const memory = createSharedMemory();
beforeAll(() => {
  writeFileSync(`/dev/shm/${KEY}`, Buffer.alloc(8192));
  memory.register({ name: "r", key: `//${KEY}`, offset: 0, byte_size: 64 });
});
afterAll(() => {
  memory.unregister("");
  rmSync(`/dev/shm/${KEY}`);
});

const MAX = 2n ** 64n - 1n;

test.each([
  [64n, 0n, "Invalid offset for shared memory region: 'r'"],
  [-1n, 8n, "Invalid offset for shared memory region: 'r'"],
  [8n, 64n, "Invalid offset + byte size for shared memory region: 'r'"],
  [1n, MAX, `Integer overflow detected: byte_size (${MAX}) + offset (1) exceeds maximum value (${MAX}) for region 'r'`],
  [
    8n,
    -8n,
    `Integer overflow detected: byte_size (${MAX - 7n}) + offset (8) exceeds maximum value (${MAX}) for region 'r'`,
  ],
  [0n, MAX, "Invalid offset + byte size for shared memory region: 'r'"],
])("an offset of %d and a size of %d", (offset, size, text) => {
  expect(() => memory.open().part("r", offset, size)).toThrow(text);
});

test("a part within its region is read", () => {
  expect(memory.open().part("r", 8n, 56n).read()).toEqual(Buffer.alloc(56));
});

test("keys are checked before names, whatever the slashes in front", () => {
  const register = (name: string, key: string) => () => memory.register({ name, key, offset: 0, byte_size: 64 });
  for (const key of ["", "/", "///"])
    expect(register("r", key)).toThrow(`cannot register shared memory region 'r' - invalid shm key '${key}'`);
  const reserved = "triton_python_backend_shm_region_";
  for (const key of [`${reserved}1`, `/${reserved}`, `//${reserved}x`])
    expect(register("r", key)).toThrow(
      `cannot register shared memory region 'r' with key '${key}' as the key contains the reserved prefix '${reserved}'`,
    );
  expect(register("r", KEY)).toThrow("shared memory region 'r' already in manager");
});
