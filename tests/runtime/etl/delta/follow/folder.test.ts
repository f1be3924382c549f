// A watched folder: files are applied in the order of their names, each once; those that cannot be applied are set aside.
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { compactIndex } from "#runtime/etl/delta/compact.js";
import { openFolderFeed } from "#runtime/etl/delta/follow/folder-feed.js";
import { followFeed } from "#runtime/etl/delta/follow/follow-feed.js";
import { asRecord, buildItems, columns, found, type Items, rowsOf, writeItems } from "./follow-support.js";

const BASE: Items = new Map([1, 2, 3, 4].map(i => [i, i]));

let folder: string;
let index: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "merlon-follow-"));
  index = await buildItems(folder, BASE);
  mkdirSync(join(folder, "in"));
});
afterEach(() => rmSync(folder, { recursive: true }));
const incoming = (...names: string[]) => join(folder, "in", ...names);

/** Writes a file elsewhere, and moves it into the folder. */
async function drop(name: string, items: Items): Promise<void> {
  const path = join(folder, `made-${name}`);
  await writeItems(path, items);
  renameSync(path, incoming(name));
}

async function follow(more: { removes?: boolean; maxBytes?: number } = {}) {
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text.replaceAll(folder, ""));
  const feed = await openFolderFeed(incoming(), { ...columns, maxBytes: 2 ** 20, removes: false, warn, ...more });
  const batches: string[] = [];
  try {
    await followFeed(index, feed, {
      waitMs: 5000,
      once: true,
      signal: new AbortController().signal,
      warn,
      onBatch: ({ what }) => void batches.push(what),
    });
    return { batches, warnings };
  } finally {
    await feed.close();
  }
}

test("applies upserts and deletions in the order of their names", async () => {
  await drop("2.parquet", new Map([[9, 0.5]]));
  await drop(
    "1.parquet",
    new Map([
      [9, 7],
      [2, 20],
    ]),
  ); // prettier-ignore
  writeFileSync(incoming("3.txt"), "3\n");
  await drop("4.delete.parquet", new Map([[4, 0]]));
  expect(await follow()).toEqual({ batches: ["1.parquet", "2.parquet", "3.txt", "4.delete.parquet"], warnings: [] });
  const now = asRecord(
    new Map([
      [1, 1],
      [2, 20],
      [9, 0.5],
    ]),
  ); // prettier-ignore
  expect(await found(index)).toEqual(now);
  expect(readdirSync(incoming("done"))).toEqual(["1.parquet", "2.parquet", "3.txt", "4.delete.parquet"]);
  // A compaction keeps the position; a file of the same name is another change.
  await compactIndex(index, { waitMs: 1000 });
  await drop("2.parquet", new Map([[9, 0.25]]));
  expect((await follow({ removes: true })).batches).toEqual(["2.parquet"]);
  expect(await found(index)).toEqual({ ...now, 9: 0.25 });
  expect(readdirSync(incoming()).filter(name => !name.startsWith("."))).toEqual(["done", "refused", "taking"]);
});

test("sets files aside that cannot be applied, and names file and row", async () => {
  await drop("1.parquet", new Map([["sku", 1]]));
  writeFileSync(incoming("2.parquet"), "PAR1 and nothing else");
  writeFileSync(incoming("3.txt"), "3\nthree\n");
  await drop(
    "4.parquet",
    new Map([
      [7, 7],
      [8, Number.POSITIVE_INFINITY],
    ]),
  ); // prettier-ignore
  await drop("[5].parquet", new Map([[7, 7]]));
  writeFileSync(incoming("6.txt"), "1\n".repeat(3000));
  await drop("7.parquet", new Map([[7, 0.5]]));
  writeFileSync(incoming("notes.csv"), "a,b\n");
  const { batches, warnings } = await follow({ maxBytes: 5000 });
  expect(batches).toEqual(["7.parquet"]);
  expect(warnings).toHaveLength(7);
  expect(warnings.find(text => text.includes("/in/1.parquet"))).toMatch(
    /item_id.*Set aside as \/in\/refused\/1\.parquet\.$/s,
  );
  expect(warnings.find(text => text.includes("/in/2.parquet"))).toMatch(/Set aside as/);
  expect(warnings.find(text => text.includes("/in/3.txt"))).toMatch(/^\/in\/3\.txt, line 2: "three" is not an id/);
  expect(warnings.find(text => text.includes("/in/4.parquet"))).toMatch(
    /^\/in\/4\.parquet, row 1 \(from 0\), id 8: column `embedding` has Infinity at place 0/,
  );
  expect(warnings.find(text => text.includes("[5]"))).toMatch(/^\/in\/\[5\]\.parquet has one of \* \? \[ \]/);
  expect(warnings.find(text => text.includes("/in/6.txt"))).toMatch(/has 6000 bytes, and a file may have 5000/);
  expect(warnings.find(text => text.includes("notes"))).toMatch(/^\/in\/notes\.csv is ignored/);
  expect(readFileSync(incoming("refused", "3.txt.reason"), "utf8")).toMatch(/line 2: "three"/);
  expect(await found(index)).toEqual(asRecord(new Map([...BASE, [7, 0.5]])));
  expect(existsSync(incoming("notes.csv"))).toBe(true);
});

test("reads only regular files of the folder itself", async () => {
  await writeItems(join(folder, "secret.parquet"), new Map([[50, 0.5]]));
  symlinkSync(join(folder, "secret.parquet"), incoming("link.parquet"));
  expect(spawnSync("mkfifo", [incoming("pipe.parquet")]).status).toBe(0);
  mkdirSync(incoming("folder.parquet"));
  copyFileSync(join(folder, "secret.parquet"), incoming(".hidden.parquet"));
  copyFileSync(join(folder, "secret.parquet"), incoming("_temporary.parquet"));
  expect(await follow()).toEqual({ batches: [], warnings: [] });
  expect(await found(index)).toEqual(asRecord(BASE));
  symlinkSync(tmpdir(), join(folder, "linked"));
  await expect(openFolderFeed(join(folder, "linked"), options())).rejects.toThrow(/is not a folder/);
});

const options = () => ({ ...columns, maxBytes: 2 ** 20, removes: false, warn: () => {} });

test("waits for a file whose writer is in the middle, and applies others meanwhile", async () => {
  await drop("9.parquet", new Map([[9, 0.5]]));
  await writeItems(join(folder, "whole.parquet"), new Map([[8, 0.25]]));
  const bytes = readFileSync(join(folder, "whole.parquet"));
  writeFileSync(incoming("1.parquet"), bytes.subarray(0, bytes.length >> 1));
  writeFileSync(incoming("2.txt"), "1\n2");
  const warnings: string[] = [];
  const feed = await openFolderFeed(incoming(), { ...options(), warn: text => void warnings.push(text) });
  const stop = new AbortController();
  const batches: string[] = [];
  await followFeed(index, feed, {
    waitMs: 5000,
    once: false,
    signal: stop.signal,
    warn: text => void warnings.push(text),
    onBatch: ({ what }) => {
      // The others were looked at before it.
      if (batches.push(what) === 1) {
        writeFileSync(incoming("1.parquet"), bytes.subarray(bytes.length >> 1), { flag: "a" });
        writeFileSync(incoming("2.txt"), "2\n", { flag: "a" });
      }
      if (batches.length === 3) stop.abort();
    },
  });
  await feed.close();
  expect(batches[0]).toBe("9.parquet");
  expect(batches.toSorted()).toEqual(["1.parquet", "2.txt", "9.parquet"]);
  expect(warnings).toEqual([]);
  expect(await found(index)).toEqual(asRecord(new Map([...[...BASE].filter(([id]) => id !== 1), [8, 0.25], [9, 0.5]])));
});

test("a batch that was not applied is offered again, before other files", async () => {
  await drop("1.parquet", new Map([[9, 0.5]]));
  const feed = await openFolderFeed(incoming(), options());
  const form = { ids: "int64", dimension: 2, unit: false } as const;
  const first = (await feed.next(undefined, form, true))!;
  // Not applied: it is offered again, before others.
  await drop("0.parquet", new Map([[9, 0.75]]));
  const again = (await feed.next(undefined, form, true))!;
  expect(again.position).toBe(first.position);
  expect(statSync(incoming("taking", "1.parquet")).isFile()).toBe(true);
  again.done();
  expect((await feed.next(again.position, form, true))!.what).toBe("0.parquet");
  await feed.close();
  await follow();
  expect(rowsOf(`${index}.delta`)).toEqual({ upserts: 1, deletes: 0, commits: 1 });
});
