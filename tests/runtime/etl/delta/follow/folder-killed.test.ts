// The follower of a folder is killed before each of its changes of files. The index then has the changes of the first files, each whole, and the next
// run applies the others: each file once. KILLS=all kills at each change.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asRecord, buildItems, followOnce, found, type Items, instants, rowsOf, writeItems } from "./follow-support.js";

const root = mkdtempSync(join(tmpdir(), "merlon-follow-killed-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const start = join(root, "start");

const base: Items = new Map([1, 2, 3, 4].map(i => [i, i]));
const states: readonly Items[] = [
  base,
  new Map([...base, [2, 20], [8, 0.5]]),
  new Map([...base, [2, 20], [8, 0.5]].filter(([id]) => id !== 3) as [number, number][]),
  new Map([...base, [2, 20], [8, 9]].filter(([id]) => id !== 3) as [number, number][]),
];
const FILES = ["1.parquet", "2.txt", "3.parquet"];

beforeAll(async () => {
  mkdirSync(join(start, "in"), { recursive: true });
  await buildItems(start, base);
  const drop = async (name: string, items: Items) => {
    await writeItems(join(start, name), items);
    renameSync(join(start, name), join(start, "in", name));
  };
  await drop(
    "1.parquet",
    new Map([
      [2, 20],
      [8, 0.5],
    ]),
  ); // prettier-ignore
  writeFileSync(join(start, "in", "2.txt"), "3\n");
  await drop("3.parquet", new Map([[8, 9]]));
});

const places = (folder: string) => readdirSync(join(folder, "in")).filter(name => /\.(parquet|txt)$/.test(name));

test("applies each file once, whenever it is killed", { timeout: 1_800_000 }, async () => {
  const copy = (name: string) => {
    const folder = join(root, name);
    cpSync(start, folder, { recursive: true, preserveTimestamps: true });
    return folder;
  };
  const whole = copy("whole");
  const { changes, ...ended } = await followOnce(whole, ["--folder", "in"]);
  expect(ended).toMatchObject({ status: 0, err: "" });
  expect(changes).toBeGreaterThan(20);
  expect(await found(join(whole, "items.faiss"))).toEqual(asRecord(states[3]!));
  for (const instant of instants(changes!)) {
    const at = `killed before change ${instant} of ${changes}`;
    const folder = copy(String(instant));
    const index = join(folder, "items.faiss");
    const killed = await followOnce(folder, ["--folder", "in"], instant);
    expect([killed.status, killed.err], at).toEqual(["SIGKILL", ""]);
    const seen = await found(index);
    expect(states.map(asRecord), at).toContainEqual(seen);
    const again = await followOnce(folder, ["--folder", "in"]);
    expect([again.status, again.err], at).toEqual([0, ""]);
    expect(await found(index), at).toEqual(asRecord(states[3]!));
    expect(rowsOf(`${index}.delta`), at).toEqual({ upserts: 3, deletes: 1, commits: 3 });
    expect(places(folder), at).toEqual([]);
    expect(readdirSync(join(folder, "in", "done")), at).toEqual(FILES);
    rmSync(folder, { recursive: true });
  }
});
