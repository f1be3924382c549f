// Ids that are read out of files beside those that FAISS itself answered from them (tests/oracles, faiss-cpu).
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readFaissHeaderFile } from "#formats/faiss/faiss.js";
import { someIds, spread } from "#formats/faiss/some-ids.js";

const FIXTURES = join(import.meta.dirname, "../../fixtures");
const folders = ["faiss", "faiss-kinds/1.7.3", "faiss-kinds/1.15.1"];

describe.each(folders)("%s", folder => {
  const { indexes } = JSON.parse(readFileSync(join(FIXTURES, folder, "answers.json"), "utf8")) as {
    indexes: Record<string, { ids?: string[][]; asked?: { ids: number[][] }[] }>;
  };
  test.each(readdirSync(join(FIXTURES, folder)).filter(name => name.endsWith(".faiss")))("%s", name => {
    const file = join(FIXTURES, folder, name);
    const { ntotal } = readFaissHeaderFile(file);
    const all = someIds(file, ntotal + 1).map(String);
    expect(new Set(all).size).toBe(ntotal);
    const { ids = [], asked = [] } = indexes[name.replace(".faiss", "")] ?? {};
    const answered = [...ids, ...asked.flatMap(one => one.ids)].flat();
    expect(answered.map(String).filter(id => id !== "-1" && !all.includes(id))).toEqual([]);
    const some = someIds(file, 7).map(String);
    expect(some.length).toBe(Math.min(7, ntotal));
    expect(some.filter(id => !all.includes(id))).toEqual([]);
  });
});

test("places are spread from the first on, each once", () => {
  expect(spread(10, 4)).toEqual([0, 2, 5, 7]);
  expect(spread(3, 1000)).toEqual([0, 1, 2]);
  expect(spread(0, 1000)).toEqual([]);
  expect(new Set(spread(1_000_003, 1000)).size).toBe(1000);
});
