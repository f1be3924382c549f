/**
 * Regions of shared memory that end while a request uses them: the number of their file is another file's by then.
 */
import { closeSync, fstatSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createSharedMemory } from "#runtime/shared-memory.js";

const KEY = `/merlon-walls-${process.pid}`;
const REGION_FILE = `/dev/shm${KEY}`;
const SECRET = "what is in another file\n";
afterEach(() => rmSync(REGION_FILE, { force: true }));

/** A part of a region, and another file that has the region's descriptor since the region was unregistered. */
function partWithoutRegion() {
  writeFileSync(REGION_FILE, Buffer.alloc(64, "a"));
  const memory = createSharedMemory();
  memory.register({ name: "region", key: KEY, offset: 0, byte_size: 64 });
  const part = memory.part("region", 0n, 16n);
  expect(part.read().toString()).toBe("a".repeat(16));
  memory.unregister("region");
  const other = join(tmpdir(), `walls-other-${process.pid}`);
  writeFileSync(other, SECRET);
  // The lowest free number is taken: that of the region.
  const descriptor = openSync(other, "r+");
  expect(fstatSync(descriptor).size).toBe(SECRET.length);
  return { part, other, close: () => closeSync(descriptor) };
}

test("a request neither reads nor writes the file that comes after an unregistered region", () => {
  const { part, other, close } = partWithoutRegion();
  try {
    expect(() => part.write(Buffer.alloc(16, "x"))).toThrow("shared memory region 'region' was unregistered");
    expect(() => part.read()).toThrow("shared memory region 'region' was unregistered");
    expect(readFileSync(other, "utf8")).toBe(SECRET);
  } finally {
    close();
    rmSync(other);
  }
});
