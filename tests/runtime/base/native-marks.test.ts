/** Marks in a file: the native runs of a process, as another one reads them after its end. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createMarks, isolate, isolatedModels, keepMarksIn, markOf, readMarks } from "#runtime/base/native-marks.js";
import { loadAllocator } from "#runtime/server/memory/allocator.js";
import "../../needs/built.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-marks-"));
const path = join(folder, "marks");
createMarks(path);
keepMarksIn(loadAllocator()!.openMarks!(path));
afterAll(() => {
  keepMarksIn(undefined);
  rmSync(folder, { recursive: true });
});
const build = (model: string) => ({ model, version: "1", file: "12 3.5" });

test("names those that run, by place, and no others", () => {
  const [loop, thread, ended, released] = ["é", "b", "c", "d"].map(name => markOf(build(name)));
  loop!.enter("loop");
  for (const mark of [thread, ended, released]) mark!.enter("thread");
  ended!.leave("thread");
  released!.release();
  expect(readMarks(path)).toEqual([build("é"), build("b")]);
  expect(readMarks(path, "loop")).toEqual([build("é")]);
  const next = markOf(build("next"));
  expect(readMarks(path)).toEqual([build("é"), build("b")]);
  for (const mark of [loop, thread, ended, next]) mark!.release();
  expect(readMarks(path)).toEqual([]);
});

test("names without room, and more models than slots, run without marks", () => {
  const marks = [build("x".repeat(600)), ...Array.from({ length: 3000 }, (_, i) => build(`m${i}`))].map(markOf);
  for (const mark of marks) mark.enter("loop");
  expect(new Set(readMarks(path).map(({ model }) => model))).toEqual(
    new Set(Array.from({ length: 2048 }, (_, i) => `m${i}`)),
  );
  for (const mark of marks) mark.release();
});

test("isolates open and later sessions of a build, until its file is another one", () => {
  const [open, other] = [markOf(build("model")), markOf(build("other"))];
  isolate([build("model"), build("closed")]);
  expect([open, other, markOf(build("model"))].map(({ isIsolated }) => isIsolated)).toEqual([true, false, true]);
  expect(isolatedModels()).toEqual([build("model")]);
  expect(markOf({ ...build("model"), file: "12 4" }).isIsolated).toBe(false);
});

test("maps no link, folder, empty or missing file", () => {
  const [link, empty] = [join(folder, "link"), join(folder, "empty")];
  symlinkSync(path, link);
  writeFileSync(empty, "");
  for (const wrong of [link, empty, folder, join(folder, "missing")])
    expect(loadAllocator()!.openMarks!(wrong)).toBeUndefined();
});
