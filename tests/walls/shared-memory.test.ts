/**
 * Regions of shared memory that are unregistered while requests use them: they stay until the last one has ended. After that the number of their file is
 * another file's.
 */
import { closeSync, fstatSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createSharedMemory } from "#runtime/server/requests/shared-memory.js";

const KEY = `/merlon-walls-${process.pid}`;
const REGION_FILE = `/dev/shm${KEY}`;
const SECRET = "what is in another file\n";
afterEach(() => rmSync(REGION_FILE, { force: true }));

/** A part of a region, and another file that has the region's descriptor since the request ended. */
function partWithoutRegion() {
  writeFileSync(REGION_FILE, Buffer.alloc(64, "a"));
  const memory = createSharedMemory();
  memory.register({ name: "region", key: KEY, offset: 0, byte_size: 64 });
  const used = memory.open();
  const part = used.part("region", 0n, 16n);
  expect(part.read().toString()).toBe("a".repeat(16));
  memory.unregister("region");
  expect(part.read().toString()).toBe("a".repeat(16));
  used.release();
  const other = join(tmpdir(), `walls-other-${process.pid}`);
  writeFileSync(other, SECRET);
  // The lowest free number is taken: that of the region.
  const descriptor = openSync(other, "r+");
  expect(fstatSync(descriptor).size).toBe(SECRET.length);
  return { part, other, close: () => closeSync(descriptor) };
}

test("a request that has ended neither reads nor writes the file that replaces an unregistered region's", () => {
  const { part, other, close } = partWithoutRegion();
  try {
    expect(() => part.write(Buffer.alloc(16, "x"))).toThrow(
      "shared memory region 'region' is used after its request has ended",
    );
    expect(() => part.read()).toThrow("shared memory region 'region' is used after its request has ended");
    expect(readFileSync(other, "utf8")).toBe(SECRET);
  } finally {
    close();
    rmSync(other);
  }
});

test("an unregistered region is there until the last request that uses it has ended, for other requests too", () => {
  writeFileSync(REGION_FILE, Buffer.alloc(64, "a"));
  const memory = createSharedMemory();
  const region = { name: "region", key: KEY, offset: 0, byte_size: 64 };
  memory.register(region);
  const [first, second] = [memory.open(), memory.open()];
  first.part("region", 0n, 16n);
  first.part("region", 16n, 16n).write(Buffer.alloc(16, "b"));
  memory.unregister("");
  expect(memory.status("")).toEqual([region]);
  expect(() => memory.register(region)).toThrow("shared memory region 'region' already in manager");
  expect(second.part("region", 16n, 4n).read().toString()).toBe("bbbb");
  first.release();
  expect(memory.status("region")).toEqual([region]);
  second.release();
  second.release();
  expect(memory.status("")).toEqual([]);
  expect(() => memory.open().part("region", 0n, 4n)).toThrow("Unable to find shared memory region: 'region'");
});
