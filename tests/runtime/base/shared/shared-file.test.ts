/** Files that processes share: written once, mapped by all, removed with the last user, and never believed blindly. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { provideMapping } from "#runtime/base/shared/mapping.js";
import { readSharedSync, sharedCopy, sharedCopySync } from "#runtime/base/shared/shared-copy.js";
import { sharedTables } from "#runtime/base/shared/shared-table.js";
import { shareFiles } from "#runtime/server/memory/allocator.js";
import { builtUrl } from "../../../needs/built.js";
import { elapse } from "../../../run/wait.js";

const SIZE = 3 * 2 ** 20;
let folder: string;
const shared = () => join(folder, `merlon-shared-${process.geteuid!()}`);
const files = () => (existsSync(shared()) ? readdirSync(shared()) : []);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-sharing-"));
  vi.stubEnv("TMPDIR", folder);
  shareFiles(true);
});
afterEach(() => {
  provideMapping(undefined);
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** A file that was written long enough ago to be known by its time. */
function source(name: string, byte: number, size = SIZE): string {
  const path = join(folder, name);
  writeFileSync(path, new Uint8Array(size).fill(byte));
  return path;
}
/** The time of a change can't be set, only waited for. */
const settle = () => elapse(40);

test("a copy has the file's bytes, and two readers share one", async () => {
  const path = source("a", 7);
  await settle();
  const [first, second] = [sharedCopySync(path)!, (await sharedCopy(path))!];
  expect(first.bytes.length).toBe(SIZE);
  expect(first.bytes.every(byte => byte === 7)).toBe(true);
  expect(second.path).toBe(first.path);
  expect(files()).toEqual([basename(first.path)]);
  expect(Buffer.compare(first.bytes, second.bytes)).toBe(0);
});

test("a file that is truncated or overwritten later leaves what was read", async () => {
  const path = source("a", 7);
  await settle();
  const { bytes } = sharedCopySync(path)!;
  truncateSync(path, 10);
  expect(bytes.every(byte => byte === 7)).toBe(true);
  writeFileSync(path, new Uint8Array(SIZE).fill(8));
  await settle();
  expect(sharedCopySync(path)!.bytes[SIZE - 1]).toBe(8);
  expect(bytes[SIZE - 1]).toBe(7);
});

test("small files, and those of a process without the binding, are read", () => {
  const small = source("small", 1, 1000);
  expect(sharedCopySync(small)).toBeUndefined();
  expect(readSharedSync(small, 2000).bytes.length).toBe(1000);
  provideMapping(undefined);
  const path = source("a", 7);
  expect(sharedCopySync(path)).toBeUndefined();
  expect(readSharedSync(path, SIZE).bytes.every(byte => byte === 7)).toBe(true);
  expect(files()).toEqual([]);
});

test.each([
  ["a link to another folder", () => symlinkSync(tmpdir(), shared())],
  [
    "a folder that others can enter",
    () => {
      mkdirSync(shared());
      chmodSync(shared(), 0o777);
    },
  ],
  ["a file", () => writeFileSync(shared(), "")],
])("%s in place of the private folder: nothing is shared", (_, make) => {
  make();
  const path = source("a", 7);
  expect(sharedCopySync(path)).toBeUndefined();
  expect(readSharedSync(path, SIZE).bytes[0]).toBe(7);
});

test("a file of the folder that others can write is not mapped", async () => {
  const path = source("a", 7);
  await settle();
  const copy = sharedCopySync(path)!;
  chmodSync(copy.path, 0o666);
  expect(sharedCopySync(path)).toBeUndefined();
});

test("a table is computed once, and a damaged one is refused by its name", () => {
  const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  let filled = 0;
  const make = () =>
    sharedTables("source")("squares 1", 2 ** 19, table => {
      filled++;
      for (let i = 0; i < table.length; i++) table[i] = i * 2;
    });
  const first = make();
  expect([make()[1000], filled]).toEqual([2000, 1]);
  const [name] = files();
  const path = join(shared(), name!);
  chmodSync(path, 0o600);
  truncateSync(path, 2 ** 20);
  utimesSync(path, 0, 0);
  chmodSync(path, 0o400);
  const again = make();
  expect([again.length, again[1000], filled]).toEqual([2 ** 19, 2000, 2]);
  expect(String(warned.mock.calls[0]?.[0])).toContain(path);
  expect(first[100]).toBe(200);
});

const OTHER = `
const { sharedCopySync } = await import(${JSON.stringify(builtUrl("runtime/base/shared/shared-copy.js"))});
const { shareFiles } = await import(${JSON.stringify(builtUrl("runtime/server/memory/allocator.js"))});
shareFiles(true);
globalThis.held = sharedCopySync(process.argv[1]);
console.log(held ? held.bytes[held.bytes.length - 1] : "none");
process.stdin.on("data", text => String(text).startsWith("exit") ? process.exit(0) : console.log(held.bytes[5]));
`;

async function startOther(path: string) {
  const child = spawn(process.execPath, ["--input-type=module", "-e", OTHER, path], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const answer = async () => Number(String((await once(child.stdout, "data"))[0]));
  return { child, first: await answer(), answer };
}

test("processes that start together write one file; the last one that ends removes it and the folder", async () => {
  const path = source("a", 9);
  await settle();
  const others = await Promise.all([1, 2, 3].map(() => startOther(path)));
  expect(others.map(({ first }) => first)).toEqual([9, 9, 9]);
  expect(files()).toHaveLength(1);
  for (const [i, { child }] of others.entries()) {
    child.stdin.write("exit\n");
    await once(child, "exit");
    if (i < 2) expect(files()).toHaveLength(1);
  }
  expect(existsSync(shared())).toBe(false);
});

test("a process that is killed leaves its file to the next one, which removes it", async () => {
  const path = source("a", 9);
  const other = source("b", 5);
  await settle();
  const { child } = await startOther(path);
  child.kill("SIGKILL");
  await once(child, "exit");
  const [left] = files();
  expect(left).toMatch(/^[0-9a-f]{32}$/);
  const next = await startOther(other);
  expect(next.first).toBe(5);
  expect(files()).not.toContain(left);
  next.child.stdin.write("exit\n");
  await once(next.child, "exit");
});
