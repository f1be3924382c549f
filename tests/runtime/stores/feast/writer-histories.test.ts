/** Random batches, written to SQLite and Redis one after the other, some of them broken off: a read equals a model. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FeastView, findView } from "#formats/feast/feast-registry.js";
import { type FeastRepository, readFeastRepository } from "#formats/feast/feast-repository.js";
import { type OnlineRow, openOnlineWriter } from "#runtime/stores/feast/online-writer.js";
import { openStore } from "#runtime/stores/feast/open-store.js";
import { scalars } from "../../../operators/step.js";
import { redisAt } from "./every-redis.js";
import { ONE_VIEW_FEATURES, writeOneView } from "./one-view.js";
import { startRedis, type TestRedis } from "./redis-server.js";

const root = mkdtempSync(join(tmpdir(), "merlon-writer-"));
let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis.stop();
  rmSync(root, { recursive: true });
});

const KEYS = [1n, 2n, 3n, -4n];
const SECOND = 1_000_000n;
/** Milliseconds, since old SQLite tables have no more; few of them, so that some are equal. */
const micros = fc.integer({ min: -3, max: 12 }).map(n => BigInt(n) * (SECOND / 4n));
const row = fc.record({
  key: fc.constantFrom(...KEYS),
  n: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  s: fc.option(fc.string({ maxLength: 4 })),
  micros,
});
type Row = typeof row extends fc.Arbitrary<infer T> ? T : never;
const batches = fc.array(
  fc.record({
    rows: fc.uniqueArray(row, { maxLength: 4, selector: ({ key }) => key }),
    finish: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5 },
);

function repositoryOf(): { readonly repository: FeastRepository; readonly view: FeastView; readonly file: string } {
  const folder = mkdtempSync(join(root, "r-"));
  writeOneView(folder, { id: [], n: [], s: [] });
  const repository = readFeastRepository(folder);
  const view = findView(repository.registry, "v")!;
  expect(view.features.map(({ name }) => name)).toEqual(ONE_VIEW_FEATURES.map(({ name }) => name));
  return { repository, view, file: join(folder, "data/online_store.db") };
}

const onlineRow = ({ key, n, s, micros: eventMicros }: Row): OnlineRow => ({
  ...{ key: [key], values: [n, s], eventMicros, createdMicros: null },
});

/** @returns how many rows were written */
async function write(repository: FeastRepository, view: FeastView, rows: readonly Row[], finish: boolean) {
  const writer = await openOnlineWriter(repository, view);
  try {
    const count = await writer.write(rows.map(onlineRow));
    if (finish) writer.finish();
    return count;
  } finally {
    await writer.close();
  }
}

/** Key → values and event time of its features; null for a key that the store does not have. */
async function read(repository: FeastRepository, view: FeastView): Promise<unknown[]> {
  const store = await openStore(repository, { memoryMb: 0, timeoutMs: 20_000 });
  try {
    const reader = await store.prepare([{ view, features: view.features }], { bytes: "utf8", eventTimes: true });
    const [n, s] = await reader.getOnline(new Map([["id", scalars("int64", KEYS)]]), KEYS.length);
    return KEYS.map((_, i) =>
      n!.status[i] === 0 ? null : [n, s].map(of => [of!.status[i] === 1 ? of!.values[i] : null, of!.eventSeconds![i]]),
    );
  } finally {
    await store.close();
  }
}

const modelRead = (model: ReadonlyMap<bigint, Row>, secondsOf: (micros: bigint) => number): unknown[] =>
  KEYS.map(key => {
    const held = model.get(key);
    return held ? [held.n, held.s].map(value => [value, secondsOf(held.micros)]) : null;
  });

describe("SQLite", () => {
  test.each([
    { table: "as Feast makes it", isOld: false, secondsOf: (at: bigint) => Math.floor(Number(at) / 1e6) },
    { table: "as old releases of Feast make it", isOld: true, secondsOf: (at: bigint) => Number(at) / 1e6 },
    { table: "that is not there yet", isOld: undefined, secondsOf: (at: bigint) => Math.floor(Number(at) / 1e6) },
  ])("has the last finished write of each key, in a table $table", async ({ isOld, secondsOf }) => {
    await fc.assert(
      fc.asyncProperty(batches, async all => {
        const { repository, view, file } = repositoryOf();
        const db = new Database(file);
        if (isOld !== false) db.exec("DROP TABLE p_v");
        if (isOld)
          db.exec(
            "CREATE TABLE p_v (entity_key BLOB, feature_name TEXT, value BLOB, event_ts timestamp, created_ts timestamp, PRIMARY KEY(entity_key, feature_name))",
          );
        const model = new Map<bigint, Row>();
        await write(repository, view, [], true);
        for (const { rows, finish } of all) {
          expect(await write(repository, view, rows, finish)).toBe(rows.length);
          if (finish) for (const one of rows) model.set(one.key, one);
          expect(await read(repository, view)).toEqual(modelRead(model, secondsOf));
        }
        if (isOld) {
          const times = db.prepare("SELECT DISTINCT event_ts FROM p_v").pluck().all();
          expect(times.filter(time => !/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})?$/.test(String(time)))).toEqual([]);
        } else {
          const texts = db.prepare("SELECT value_text FROM p_v WHERE feature_name = 's'").pluck().all();
          expect(texts.sort()).toEqual([...model.values()].map(({ s }) => s).sort());
        }
        db.close();
      }),
      { numRuns: 8 },
    );
  });

  test("that is damaged is named, and left as it is", async () => {
    const { repository, view, file } = repositoryOf();
    writeFileSync(file, "junk".repeat(1000));
    await expect(openOnlineWriter(repository, view)).rejects.toThrow(
      `the online store ${file} cannot be written: file is not a database`,
    );
    expect(readFileSync(file, "utf8")).toBe("junk".repeat(1000));
  });

  test("is not changed while another process writes it", async () => {
    const { repository, view, file } = repositoryOf();
    const writer = await openOnlineWriter(repository, view);
    const db = new Database(file, { timeout: 0 });
    expect(() => db.exec("BEGIN IMMEDIATE")).toThrow("database is locked");
    await writer.close();
    db.exec("BEGIN IMMEDIATE; COMMIT");
    db.close();
  });
});

describe("Redis", () => {
  test("has the newest row of each key, the first of those that are equally new", async () => {
    await fc.assert(
      fc.asyncProperty(batches, fc.constantFrom(null, 1000), async (all, keyTtlSeconds) => {
        const { repository, view } = repositoryOf();
        const inRedis = { ...repository, onlineStore: { ...redisAt(redis.port), keyTtlSeconds } };
        await redis.client().flushall();
        const model = new Map<bigint, Row>();
        for (const { rows, finish } of all) {
          const newer = rows.filter(({ key, micros: at }) => !(model.get(key) && model.get(key)!.micros >= at));
          expect(await write(inRedis, view, rows, finish)).toBe(newer.length);
          for (const one of newer) model.set(one.key, one);
          expect(await read(inRedis, view)).toEqual(modelRead(model, at => Number(at) / 1e6));
        }
        for (const key of await redis.client().keysBuffer("*")) {
          const left = await redis.client().ttl(key);
          if (keyTtlSeconds === null) expect(left).toBe(-1);
          else expect(left).toBeGreaterThan(keyTtlSeconds / 2);
        }
      }),
      { numRuns: 15 },
    );
  });
});
