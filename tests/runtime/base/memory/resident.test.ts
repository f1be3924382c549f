/** Without descriptors the resident memory cannot be read, and timers read it. */
import { expect, onTestFinished, test, vi } from "vitest";
import { residentBytes } from "#runtime/base/memory/resident.js";

test("the last value counts while the system opens no file", () => {
  const read = vi.spyOn(process.memoryUsage, "rss");
  onTestFinished(() => read.mockRestore());
  read.mockReturnValueOnce(5000).mockImplementationOnce(() => {
    throw Object.assign(new Error("EMFILE: too many open files, uv_resident_set_memory"), { code: "EMFILE" });
  });
  expect([residentBytes(), residentBytes()]).toEqual([5000, 5000]);
});
