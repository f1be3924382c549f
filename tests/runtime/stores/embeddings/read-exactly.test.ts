// Reads of a known length from a place of a file, and a file that ends before.
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { RuntimeFault } from "#runtime/base/errors.js";
import { readExactly } from "#runtime/stores/embeddings/read-exactly.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-read-"));
const path = join(folder, "bytes");
writeFileSync(
  path,
  Uint8Array.from({ length: 100 }, (_, i) => i),
);
const file = openSync(path, "r");
afterAll(() => {
  closeSync(file);
  rmSync(folder, { recursive: true });
});

test.each([
  [0, 100],
  [0, 0],
  [7, 3],
  [99, 1],
  [100, 0],
])("from byte %i: %i bytes", (position, length) => {
  const to = new Uint8Array(length);
  readExactly(file, to, position, path);
  expect([...to]).toEqual(Array.from({ length }, (_, i) => position + i));
});

test.each([
  [0, 101, 100, 101],
  [90, 11, 100, 101],
  [100, 1, 100, 101],
  [200, 4, 200, 204],
])("a file that ends before: from byte %i, %i bytes", (position, length, ends, expected) => {
  const read = () => readExactly(file, new Uint8Array(length), position, path);
  expect(read).toThrow(RuntimeFault);
  expect(read).toThrow(
    expect.objectContaining({
      code: "INTERNAL",
      message: `${path} ends at byte ${ends}, expected ${expected}: it was truncated after it was opened. Put the whole file back, and load the model again.`,
    }),
  );
});
