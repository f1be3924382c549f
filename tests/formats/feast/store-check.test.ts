// The check of a SQLite store: a byte that changed by itself is damage, a transaction of another program is none.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  hasLog,
  inRollbackMode,
  readCheck,
  removeCheck,
  standsAlone,
  verifyStore,
  verifyStoreFile,
  writeCheck,
} from "#formats/feast/store-check.js";
import "../../needs/built.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-check-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, "online_store.db");
const check = `${file}.check`;
let bytes: Buffer;
let written: string;

beforeAll(() => {
  const db = new Database(file);
  db.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)");
  db.close();
  writeCheck(file);
  bytes = readFileSync(file);
  written = readFileSync(check, "utf8");
});

/** The verdict on a store's bytes in memory, and as a file. */
function verdicts(store: Uint8Array): (string | undefined)[] {
  writeFileSync(file, store);
  return [() => verifyStore(file, store), () => verifyStoreFile(file)].map(verify => {
    try {
      return verify();
    } catch (error) {
      expect(error).toMatchObject({ name: "StoreDamaged" });
      expect((error as Error).message).toContain(`the online store ${file} has `);
      return (error as Error).message.split(" has ")[1]!.split(/[:,]/)[0];
    }
  });
}

describe("a store", () => {
  test("as it was written", () => {
    expect(verdicts(bytes)).toEqual(["same", "same"]);
  });

  test("with another byte anywhere, the counters of transactions among them", () => {
    const at = fc.oneof(
      fc.nat({ max: bytes.length - 1 }),
      fc.nat({ max: 99 }),
      fc.constantFrom(24, 25, 26, 27, 92, 93, 94, 95),
    );
    fc.assert(
      fc.property(at, fc.integer({ min: 1, max: 255 }), (place, mask) => {
        const damaged = Buffer.from(bytes);
        damaged[place]! ^= mask;
        const what = place < 100 ? "another header than was written" : "the checksum sha256";
        expect(verdicts(damaged)).toEqual([what, what]);
      }),
      { numRuns: 300 },
    );
  });

  test("that another program has written since", () => {
    writeFileSync(file, bytes);
    const db = new Database(file);
    db.exec("INSERT INTO t VALUES (3)");
    db.close();
    const later = readFileSync(file);
    expect(verdicts(later)).toEqual(["changed", "changed"]);
    // Both counters, and so it is a transaction.
    const counted = Buffer.from(bytes);
    for (const at of [24, 92]) counted.writeUInt32BE(bytes.readUInt32BE(at) + 1, at);
    expect(verdicts(counted)).toEqual(["changed", "changed"]);
  });
});

describe("a check", () => {
  test("has checksum, size and header, of a file and of bytes alike", () => {
    writeFileSync(file, bytes);
    writeCheck(file, bytes, "c".repeat(64));
    const { copiedFrom, ...same } = readCheck(file)!;
    expect(copiedFrom).toBe("c".repeat(64));
    expect(same).toEqual(JSON.parse(written));
    expect(same).toMatchObject({ bytes: bytes.length, header: bytes.subarray(0, 100).toString("hex") });
    expect(readdirSync(folder).sort()).toEqual(["online_store.db", "online_store.db.check"]);
  });

  test.each([
    ["cut", () => written.slice(0, -9)],
    ["of another version", () => written.replace('"version": 1', '"version": 2')],
    ["of another format", () => written.replace("merlon/store-check", "merlon/manifest")],
    ["with a short checksum", () => written.replace(/"sha256": "./, '"sha256": "')],
    ["with a short header", () => written.replace(/"header": "../, '"header": "')],
    ["of half a byte", () => written.replace(/"bytes": \d+/, '"bytes": 0.5')],
  ])("%s is named", (_, text) => {
    writeFileSync(check, text());
    expect(() => verifyStore(file, bytes)).toThrow(
      `${check} is not the check of a store: it was edited or damaged since.`,
    );
    writeFileSync(check, written);
  });

  test("that is not there checks nothing", () => {
    removeCheck(file);
    removeCheck(file);
    expect([readCheck(file), verifyStore(file, Buffer.alloc(3)), verifyStoreFile(file)]).toEqual([
      undefined,
      "unchecked",
      "unchecked",
    ]);
    writeFileSync(check, written);
  });
});

test("a log beside the file, and a copy that needs none", () => {
  // A file of its own in a folder of its own: another test lists the files beside the store.
  const own = mkdtempSync(join(tmpdir(), "merlon-log-"));
  onTestFinished(() => rmSync(own, { recursive: true }));
  const logged = join(own, "logged.db");
  const db = new Database(logged);
  db.pragma("journal_mode = WAL");
  db.exec("CREATE TABLE t (a)");
  expect(standsAlone(logged)).toBe(false);
  expect(hasLog(readFileSync(logged))).toBe(true);
  db.pragma("wal_checkpoint(TRUNCATE)");
  // An empty log adds nothing.
  expect(standsAlone(logged)).toBe(true);
  const copy = inRollbackMode(readFileSync(logged));
  expect([hasLog(copy), hasLog(bytes)]).toEqual([false, false]);
  db.close();
  writeFileSync(`${logged}-journal`, "x");
  expect(standsAlone(logged)).toBe(false);
  rmSync(`${logged}-journal`);
  expect(standsAlone(logged)).toBe(true);
  expect(inRollbackMode(bytes)).toBe(bytes);
  const opened = new Database(Buffer.from(copy));
  expect(opened.prepare("SELECT count(*) FROM t").pluck().get()).toBe(0);
  opened.close();
});
