/** A folder that is built beside its target and replaces it. It does so with an atomic exchange and without, over any content, and after killed builders. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { ownerTag } from "#contract/files/owner-tag.js";
import { replaceFolder, StagingFolder } from "#formats/folders/replace-folder.js";

const root = mkdtempSync(join(tmpdir(), "merlon-replace-"));
afterAll(() => rmSync(root, { recursive: true }));
let parent: string;
let target: string;
beforeEach(() => {
  parent = mkdtempSync(join(root, "p-"));
  target = join(parent, "out");
});

const PATH = process.env.PATH;
afterEach(() => {
  process.env.PATH = PATH;
});

/** Files by path. */
function write(folder: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}
const read = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (readdirSync(folder, { recursive: true }) as string[])
      .map(path => join(folder, path))
      .filter(path => !lstatSync(path).isDirectory())
      .map(path => [relative(folder, path), readFileSync(path, "utf8")]),
  );
const build = (files: Readonly<Record<string, string>>): void => {
  const staging = new StagingFolder(target);
  write(staging.path, files);
  staging.replace();
};

test.each([
  ["done by it", "0"],
  ["done without it, where it can not", "1"],
])("an exchange is one of two folders, never a copy or a move into one: %s", (_, status) => {
  const programs = write(join(parent, "programs"), {
    mv: `#!/bin/sh\nprintf '%s\\n' "$@" > "${join(parent, "words")}"\nexit ${status}\n`,
  });
  chmodSync(join(programs, "mv"), 0o755);
  write(target, { old: "1" });
  const made = write(join(parent, "made"), { new: "2" });
  process.env.PATH = programs;
  replaceFolder(made, target);
  expect(readFileSync(join(parent, "words"), "utf8").trim().split("\n")).toEqual([
    ...["--exchange", "--no-copy", "-T"],
    ...[made, target],
  ]);
  // This program has exchanged nothing, and its status is believed.
  expect(read(target)).toEqual(status === "0" ? { old: "1" } : { new: "2" });
  expect(existsSync(made)).toBe(false);
});

describe.each([
  ["with coreutils that exchange folders, where there are such", PATH],
  ["without an atomic exchange", "/nowhere"],
])("%s", (_, path) => {
  beforeEach(() => {
    process.env.PATH = path;
  });
  test("a folder takes the place of nothing, of an older one, and of an empty one", () => {
    build({ a: "1", "deep/er/b": "2" });
    expect(read(target)).toEqual({ a: "1", "deep/er/b": "2" });
    build({ a: "3" });
    expect(read(target)).toEqual({ a: "3" });
    rmSync(target, { recursive: true });
    mkdirSync(target);
    build({ a: "4" });
    expect(read(target)).toEqual({ a: "4" });
    expect(readdirSync(parent)).toEqual(["out"]);
  });
  test("a folder that was made elsewhere does so too", () => {
    write(target, { old: "1" });
    replaceFolder(write(join(parent, "made"), { new: "2" }), target);
    expect(read(target)).toEqual({ new: "2" });
    expect(readdirSync(parent)).toEqual(["out"]);
  });
  test("what is there stays if the folder that should take its place is missing", () => {
    write(target, { old: "1" });
    expect(() => replaceFolder(join(parent, "gone"), target)).toThrow("ENOENT");
    expect([readdirSync(parent), read(target)]).toEqual([["out"], { old: "1" }]);
  });
});

test("the exchange is atomic where coreutils can", ({ skip }) => {
  write(parent, { "a/x": "1", "b/x": "2" });
  const { status } = spawnSync("mv", ["--exchange", "--no-copy", "-T", join(parent, "a"), join(parent, "b")]);
  skip(status !== 0, "mv has no --exchange here");
  expect(read(parent)).toEqual({ "a/x": "2", "b/x": "1" });
});

describe("a staging folder", () => {
  test("is beside its target, whose parents are made, hidden, and named after it and its owner", () => {
    target = join(parent, "some", "where", "out");
    const { path } = new StagingFolder(target);
    expect(dirname(path)).toBe(dirname(target));
    expect(path).toMatch(/\/\.merlon-staging-out-[^/]*-[0-9a-f]{12}$/);
    expect(path).toContain(`-${ownerTag()}-`);
    expect(readdirSync(path)).toEqual([]);
  });
  test("that is disposed of leaves nothing, or what it has become", () => {
    const first = new StagingFolder(target);
    write(first.path, { "a/b": "1" });
    first.dispose();
    first.dispose();
    expect(readdirSync(parent)).toEqual([]);
    const second = new StagingFolder(target);
    write(second.path, { a: "1" });
    second.replace();
    second.dispose();
    expect(read(target)).toEqual({ a: "1" });
  });
  test("loses a part of its own alone", () => {
    const staging = new StagingFolder(target);
    write(staging.path, { "a/b": "1", "a/c": "2", d: "3" });
    staging.remove("a");
    staging.remove("gone");
    expect(read(staging.path)).toEqual({ d: "3" });
    write(parent, { other: "4" });
    expect(() => staging.remove("../other")).toThrow();
    expect(readFileSync(join(parent, "other"), "utf8")).toBe("4");
  });
  test("that cannot be made names the target", ({ skip }) => {
    skip(process.getuid?.() === 0, "root may write everywhere");
    chmodSync(parent, 0o500);
    expect(() => new StagingFolder(target)).toThrow(target);
    chmodSync(parent, 0o700);
  });
  test("below a file names the target", () => {
    write(parent, { file: "" });
    expect(() => new StagingFolder(join(parent, "file", "out"))).toThrow(join(parent, "file", "out"));
  });
});

describe("what killed builders left", () => {
  const [machine, pid, started] = ownerTag().split(".") as [string, string, string];
  const dead = `${machine}.${pid}.${Number(started) + 1}`;
  const HEX = "0123456789ab";
  const left = (kind: "staging" | "retired", owner = dead, name = "out"): string =>
    write(join(parent, `.merlon-${kind}-${name}-${owner}-${HEX}`), { file: kind });
  const repair = (): void => new StagingFolder(target).dispose();

  test("is removed", () => {
    write(target, { now: "1" });
    left("staging");
    left("retired");
    repair();
    expect(readdirSync(parent)).toEqual(["out"]);
    expect(read(target)).toEqual({ now: "1" });
  });
  test("is restored if its successor never arrived", () => {
    left("retired");
    left("staging");
    repair();
    expect(readdirSync(parent)).toEqual(["out"]);
    expect(read(target)).toEqual({ file: "retired" });
  });
  test.each([
    ["of a builder that is at work", () => left("staging", ownerTag())],
    ["of another machine", () => left("retired", `${machine === "00000000" ? "11111111" : "00000000"}.1.1`)],
    ["of another target", () => left("retired", dead, "out2")],
    ["of a target whose name begins so", () => left("retired", dead, "out-more")],
    ["of another program", () => write(join(parent, `.merlon-other-out-${dead}-${HEX}`), { x: "" })],
    ["under a longer name", () => write(join(parent, `.merlon-staging-out-${dead}-${HEX}0`), { x: "" })],
    ["under a name that only contains it", () => write(join(parent, `x.merlon-staging-out-${dead}-${HEX}`), { x: "" })],
  ])("stays if it is %s", (_, make) => {
    const path = make();
    repair();
    expect(readdirSync(parent)).toEqual([relative(parent, path)]);
    expect(Object.keys(read(path))).toHaveLength(1);
  });
  test("stays if it is a file or a link to a folder", () => {
    write(parent, { "elsewhere/x": "1", [`.merlon-staging-out-${dead}-${HEX}`]: "file" });
    symlinkSync(join(parent, "elsewhere"), join(parent, `.merlon-retired-out-${dead}-${HEX}`));
    repair();
    expect(readdirSync(parent)).toHaveLength(3);
    expect([existsSync(target), read(join(parent, "elsewhere"))]).toEqual([false, { x: "1" }]);
  });
});
