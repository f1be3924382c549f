// A SQLite store that is read by statement (`memoryMb: 0`), while its file is locked, truncated, replaced and repaired; and stores that
// don't match their registry.
import { cpSync, mkdtempSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { openStore } from "#runtime/stores/feast/open-store.js";
import { scalars } from "../../../operators/step.js";
import { fixture } from "./every-type.js";

const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), "merlon-feast-"));
  cpSync(fixture("every-0.67-k3"), made, { recursive: true });
  return made;
};
const yaml = (at: string, from: string, to: string): void => {
  const file = join(at, "feature_store.yaml");
  writeFileSync(file, readFileSync(file, "utf8").replace(from, to));
};

/** Ratings of the two shops. */
async function open(at: string, memoryMb: number) {
  const repository = readFeastRepository(at);
  const view = findView(repository.registry, "shops")!;
  const store = await openStore(repository, { memoryMb });
  const reader = await store.prepare([{ view, features: view.features }], { bytes: "utf8", eventTimes: false });
  const keys = new Map([["shop", scalars("string", ["north", "süd"])]]);
  return {
    ask: async () => [...(await reader.getOnline(keys, 2))[0]!.values] as number[],
    close: () => store.close(),
  };
}

test("cut, replaced and mended in mid-run, without a reload", async () => {
  const at = folder();
  const file = join(at, "data", "online_store.db");
  const good = readFileSync(file);
  const store = await open(at, 0);
  expect(await store.ask()).toEqual([4.5, 3.5]);
  truncateSync(file, 0);
  await expect(store.ask()).rejects.toMatchObject({ code: "UNAVAILABLE", message: expect.stringContaining(file) });
  writeFileSync(file, "junk".repeat(5000));
  await expect(store.ask()).rejects.toThrow(/can not be opened: file is not a database\. Materialize it again/);
  writeFileSync(file, good);
  expect(await store.ask()).toEqual([4.5, 3.5]);
  writeFileSync(`${file}.new`, good);
  const other = new Database(`${file}.new`);
  other.exec("UPDATE every_shops SET value = x'350000803f'");
  other.close();
  renameSync(`${file}.new`, file);
  await expect.poll(store.ask, { timeout: 5000 }).toEqual([1, 1]);
  await store.close();
});

test("locked by a writer: reported at once, and read again afterwards", async () => {
  const at = folder();
  const store = await open(at, 0);
  const writer = new Database(join(at, "data", "online_store.db"));
  writer.exec("BEGIN EXCLUSIVE");
  const began = performance.now();
  await expect(store.ask()).rejects.toThrow(/database is locked\. Another process is writing it: retry, or let/);
  expect(performance.now() - began).toBeLessThan(1000);
  await expect(open(at, 256)).rejects.toThrow(/can not be opened: database is locked\. Another process is writing it/);
  writer.exec("ROLLBACK");
  writer.close();
  expect(await store.ask()).toEqual([4.5, 3.5]);
  await store.close();
});

test.each([0, 256])("of another project, key version or key type (memoryMb %i)", async memoryMb => {
  const strange = folder();
  yaml(strange, "project: every", "project: evry");
  await expect(open(strange, memoryMb)).rejects.toThrow(
    /the project is `evry`, and \S+registry\.db has views of `every` alone\. Correct `project`/,
  );
  const older = folder();
  yaml(older, "version: 3", "version: 2");
  await expect(open(older, memoryMb)).rejects.toThrow(/holds keys of version 3, and feature_store\.yaml says 2/);
  const numbers = folder();
  const db = new Database(join(numbers, "data", "online_store.db"));
  db.exec("DELETE FROM every_shops; INSERT INTO every_shops SELECT * FROM every_codes");
  db.close();
  await expect(open(numbers, memoryMb)).rejects.toThrow(
    /holds other keys than STRING `shop`, which the registry names/,
  );
});
