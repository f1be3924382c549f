/** Plain `npm test` leaves out what takes long, and says so; patterns and `--all` run it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { chooseTests } from "../../scripts/choose-tests.mjs";
import { testFiles } from "../../scripts/test-needs.mjs";
import { needsReader, ROOT } from "./graph.mjs";
import { LONG } from "./long-files.mjs";

const LONGEST = LONG[0]!;
const SITE = "tests/docs/site.test.ts";
const FILES = ["operators/clip/clip.test.ts", "tests/kafka.test.ts", LONGEST, SITE];
const needsOf = (file: string): readonly string[] => [
  "built",
  ...["kafka", "site"].filter(need => file.includes(need)),
];
const choose = (...words: string[]) => chooseTests(words, FILES, needsOf);

describe("the files of a run", () => {
  test.each([
    ["no word", [], [FILES[0]!], true],
    ["a random order", ["--shuffle=7"], [FILES[0]!], true],
    ["from the end of each file", ["--reverse"], [FILES[0]!], true],
    ["all", ["--all"], FILES.slice(0, 3), true],
    ["all, and those with a run of their own", ["--all", "--apart"], FILES, true],
    ["all in random order", ["--shuffle", "--all"], FILES.slice(0, 3), true],
    ["a folder of one with a run of its own", ["tests/"], FILES.slice(1, 3), false],
    ["its folder, with those", ["tests/docs", "--apart"], [SITE], false],
    ["its name", ["docs/site"], [SITE], false],
    ["a pattern that only long files have", ["kafka"], [FILES[1]!], false],
    ["a pattern and options", ["clip", LONGEST, "-t", "a"], [FILES[0]!, LONGEST], false],
    ["options alone", ["-t", "a"], [FILES[0]!], false],
  ])("%s", (_, words, files, isWhole) => expect(choose(...words)).toMatchObject({ files, isWhole }));

  test("what is left out is known", () => {
    expect(choose().left).toEqual([FILES[1], LONGEST, SITE]);
    expect(choose("--all").left).toEqual([SITE]);
    expect(choose("--all", "--apart").left).toEqual([]);
    expect(choose("clip").left).toEqual([]);
  });

  test("vitest gets its own options alone", () => {
    expect(choose("clip", "-t", "bounds").options).toEqual(["-t", "bounds"]);
    expect(choose("--all", "--apart").options).toEqual([]);
    expect(choose("--all", "--shuffle=7").options).toEqual(["--shuffle=7"]);
  });

  test("a pattern that no path contains, and one beside --all", () => {
    expect(() => choose("nothing")).toThrow("no test file's path contains nothing");
    expect(() => choose("clip", "--all")).toThrow("--all runs every test file: leave out clip");
  });
});

test("plain `npm test` runs most files, and some of each folder but the lab, which needs PyTorch", () => {
  // Other tests plant test files in folders of this name, and remove them meanwhile.
  const all = testFiles().filter((file: string) => !/\/made-[^/]*\//.test(file));
  const read = needsReader();
  const { files, left } = chooseTests([], all, (file: string) => read(join(ROOT, file)));
  expect([...files, ...left].toSorted()).toEqual(all);
  expect(files.length).toBeGreaterThan(0.8 * all.length);
  const folderOf = (file: string): string => file.split("/").slice(0, 2).join("/");
  const folders = new Set(files.map(folderOf));
  expect([...new Set(left.map(folderOf))].filter(folder => !folders.has(folder))).toEqual(["tests/lab"]);
});

test("CI, and whole runs on other Nodes or in random order, leave nothing out", () => {
  for (const script of [".ci/run", "scripts/test-nodes.mjs", "scripts/test-shuffled.mjs"])
    expect(readFileSync(join(ROOT, script), "utf8"), script).toContain("--all");
});
