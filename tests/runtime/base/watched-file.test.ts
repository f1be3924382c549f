/** A watched file is replaced by a good one, a bad one, one that is still written, and none. */
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { stateOfSync, type WatchedFile, watchFile } from "#runtime/base/watched-file.js";
import { elapse } from "../../run/wait.js";

let folder: string;
let file: string;
let watched: WatchedFile<string>;
let warnings: string[];
/** Called while the file is read. */
let whileReading: () => void;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-watched-"));
  file = join(folder, "table");
  writeFileSync(file, "one");
  warnings = [];
  whileReading = () => {};
  watched = watchFile({
    file,
    first: "one",
    state: stateOfSync(file),
    everyMs: 2,
    async read() {
      const text = readFileSync(file, "utf8");
      whileReading();
      if (text.startsWith("bad")) throw new Error(`${file} is bad.`);
      return text;
    },
    warn: text => warnings.push(text),
  });
});
afterEach(() => {
  watched.close();
  rmSync(folder, { recursive: true });
});

function replace(text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

test("a new file is read", async () => {
  replace("two");
  await vi.waitFor(() => expect(watched.current).toBe("two"));
  expect(warnings).toEqual([]);
});

test("a file that cannot be read is reported once, until a good one follows", async () => {
  replace("bad");
  await vi.waitFor(() => expect(warnings).toEqual([`${file} is bad. What was read before is served on.`]));
  replace("bad again");
  const reads = vi.fn();
  whileReading = reads;
  replace("bad a third time");
  await vi.waitFor(() => expect(reads).toHaveBeenCalled());
  expect(watched.current).toBe("one");
  replace("three");
  await vi.waitFor(() => expect(watched.current).toBe("three"));
  expect(warnings).toHaveLength(1);
  replace("bad once more");
  await vi.waitFor(() => expect(warnings).toHaveLength(2));
});

test("a missing file leaves the value", async () => {
  rmSync(file);
  const reads = vi.fn();
  whileReading = reads;
  writeFileSync(file, "back");
  await vi.waitFor(() => expect(watched.current).toBe("back"));
  rmSync(file);
  await elapse(20);
  expect([watched.current, warnings]).toEqual(["back", []]);
});

test.each(["bad", "two"])("a look that has begun when it is closed changes and reports nothing: %s", async text => {
  const reads = vi.fn();
  whileReading = () => {
    watched.close();
    reads();
  };
  replace(text);
  await vi.waitFor(() => expect(reads).toHaveBeenCalled());
  await elapse(20);
  expect([watched.current, warnings, reads.mock.calls.length]).toEqual(["one", [], 1]);
});
