/** The check of a SQLite store and the end of its writer. A check is of the last write, or there is none. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { CHECK_SUFFIX, verifyStore } from "#formats/feast/store-check.js";
import { openOnlineWriter } from "#runtime/stores/feast/online-writer.js";
import { writeOneView } from "./one-view.js";

const limit = vi.hoisted((): { bytes: number | undefined } => ({ bytes: undefined }));
vi.mock("#runtime/stores/feast/sqlite-store.js", async original => {
  const real = await original<typeof import("#runtime/stores/feast/sqlite-store.js")>();
  return {
    ...real,
    get LARGEST_CHECKED() {
      return limit.bytes ?? real.LARGEST_CHECKED;
    },
  };
});

const root = mkdtempSync(join(tmpdir(), "merlon-writer-checks-"));
afterEach(() => {
  limit.bytes = undefined;
});
afterAll(() => rmSync(root, { recursive: true }));

const row = (n: bigint) => ({ key: [1n], values: [n, "text"], eventMicros: 5_000_000n, createdMicros: null });

/** A store that was written once. */
async function makeStore() {
  const folder = mkdtempSync(join(root, "r-"));
  writeOneView(folder, { id: [], n: [], s: [] });
  const repository = readFeastRepository(folder);
  const file = join(folder, "data/online_store.db");
  const open = () => openOnlineWriter(repository, findView(repository.registry, "v")!);
  const write = async (n: bigint) => {
    const writer = await open();
    await writer.write([row(n)]);
    writer.finish();
    await writer.close();
  };
  await write(1n);
  const verdict = () => verifyStore(file, readFileSync(file));
  return { file, check: `${file}${CHECK_SUFFIX}`, open, write, verdict };
}

test("a finished write has a check, and so has the next one", async () => {
  const { write, verdict } = await makeStore();
  expect(verdict()).toBe("same");
  await write(2n);
  expect(verdict()).toBe("same");
});

test("a store that differs from its check is refused, and is not locked after that", async () => {
  const { file, open } = await makeStore();
  const bytes = readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(file, bytes);
  await expect(open()).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringMatching(/has the checksum sha256:\w+, but sha256:\w+ was written/) as string,
  });
  const db = new Database(file, { timeout: 0 });
  db.exec("BEGIN IMMEDIATE; COMMIT");
  db.close();
});
