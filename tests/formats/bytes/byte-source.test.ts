// Bytes of a buffer and of a file, by offset.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { bytesSource, withFile } from "#formats/bytes/byte-source.js";
import { openFiles } from "../../run/open-files.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-byte-source-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, "bytes");
const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i);
writeFileSync(file, bytes);

test.each([
  [0, 1000],
  [0, 0],
  [3, 5],
  [999, 1],
  [500, 500],
])("%i + %i", (offset, length) => {
  const expected = bytes.subarray(offset, offset + length);
  expect(bytesSource(bytes).read(offset, length)).toEqual(expected);
  expect(withFile(file, source => [source.size, source.read(offset, length)])).toEqual([1000, expected]);
});

test("a file that became shorter has the bytes that are left", () => {
  expect(withFile(file, source => source.read(990, 20))).toEqual(bytes.subarray(990));
  expect(withFile(file, source => source.read(1000, 4))).toHaveLength(0);
});

test("a file is closed, also after an error", () => {
  const isOpen = () => openFiles(file).length > 0;
  withFile(file, () => expect(isOpen()).toBe(true));
  expect(() =>
    withFile(file, () => {
      throw new Error("no use");
    }),
  ).toThrow("no use");
  expect(isOpen()).toBe(false);
});
