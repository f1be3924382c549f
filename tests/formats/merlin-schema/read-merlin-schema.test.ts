/** Paths that lead to a schema of Merlin's: a file of either form, or a folder that has one, as Merlin searches it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { column } from "#contract/schema.js";
import { printMerlinJson, printMerlinPbtxt } from "#formats/merlin-schema/merlin-schema.js";
import { readMerlinSchema } from "#formats/merlin-schema/read-merlin-schema.js";

const root = mkdtempSync(join(tmpdir(), "merlon-schema-"));
afterAll(() => rmSync(root, { recursive: true }));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(root, "f-"));
  mkdirSync(join(folder, ".merlin"));
});
const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const json = (name: string): string => printMerlinJson([column(name, "int64")]);
const pbtxt = (name: string): string => printMerlinPbtxt([column(name, "int64")]);
const names = (path: string): string[] => readMerlinSchema(path).map(({ name }) => name);

test("a file is read by its ending", () => {
  expect(names(write("a.json", json("a")))).toEqual(["a"]);
  expect(names(write("b.pbtxt", pbtxt("b")))).toEqual(["b"]);
  expect(names(write("c", pbtxt("c")))).toEqual(["c"]);
});

test("a folder has the JSON that Merlin writes before the text", () => {
  expect(() => readMerlinSchema(folder)).toThrow(`${folder} has neither \`.merlin/schema.json\` nor \`schema.pbtxt\``);
  write("schema.pbtxt", pbtxt("text"));
  expect(names(folder)).toEqual(["text"]);
  write(".merlin/schema.json", json("json"));
  expect(names(folder)).toEqual(["json"]);
});

test("what has no columns is named", () => {
  const empty = write("empty.pbtxt", "");
  expect(() => readMerlinSchema(empty)).toThrow(`${empty} is not a Merlin schema: it has no columns`);
});
