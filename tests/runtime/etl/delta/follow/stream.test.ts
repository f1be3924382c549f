// Entries of a Redis stream are applied once, whichever process is killed. Refused entries and missing ones are reported.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { compactIndex } from "#runtime/etl/delta/compact.js";
import { followFeed } from "#runtime/etl/delta/follow/follow-feed.js";
import { readStreamAddress } from "#runtime/etl/delta/follow/stream-address.js";
import { openStreamFeed, type StreamOptions } from "#runtime/etl/delta/follow/stream-feed.js";
import { startRedis, type TestRedis } from "../../../stores/feast/redis-server.js";
import { asRecord, buildItems, columns, followOnce, found, type Items, instants, rowsOf } from "./follow-support.js";

const BASE: Items = new Map([1, 2, 3, 4].map(i => [i, i]));

let redis: TestRedis;
let root: string;
let index: string;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "merlon-stream-"));
  index = await buildItems(root, BASE);
  await redis.client().flushall();
});
afterEach(() => rmSync(root, { recursive: true }));

const upsert = (id: number | string, x: number, ...more: string[]) =>
  redis.client().xadd("items", "*", "item_id", String(id), "embedding", JSON.stringify([x, 0]), ...more);
const remove = (id: number | string) => redis.client().xadd("items", "*", "op", "delete", "item_id", String(id));
const address = (port = redis.port) => `redis://127.0.0.1:${port}`;

async function follow(more: Partial<StreamOptions> = {}) {
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  const options = { ...columns, key: "items", encoding: "json", maxBytes: 4096, batchBytes: 65_536 } as const;
  const feed = await openStreamFeed(readStreamAddress(address()), { ...options, warn, ...more });
  const batches: string[] = [];
  const signal = new AbortController().signal;
  const onBatch = ({ what }: { what: string }) => void batches.push(what.replace(/ up to .*/, ""));
  try {
    await followFeed(index, feed, { waitMs: 5000, once: true, signal, warn, onBatch });
    return { batches, warnings };
  } finally {
    await feed.close();
  }
}

test("applies entries in their order, and continues behind the last one", async () => {
  for (const [id, x] of [
    [9, 0.5],
    [2, 20],
    [9, 0.25],
  ] as const)
    await upsert(id, x); // prettier-ignore
  await remove(3);
  await upsert(5, 5);
  await remove(5);
  expect(await follow()).toEqual({ batches: ["6 entries"], warnings: [] });
  const now = asRecord(
    new Map([
      [1, 1],
      [2, 20],
      [4, 4],
      [9, 0.25],
    ]),
  ); // prettier-ignore
  expect(await found(index)).toEqual(now);
  expect(rowsOf(`${index}.delta`)).toEqual({ upserts: 2, deletes: 2, commits: 1 });
  expect((await follow()).batches).toEqual([]);
  await compactIndex(index, { waitMs: 1000 });
  await upsert(3, 0.75);
  expect((await follow()).batches).toEqual(["1 entries"]);
  expect(await found(index)).toEqual({ ...now, 3: 0.75 });
  // Another name is another position.
  expect((await follow({ name: "again" })).batches).toEqual(["7 entries"]);
  expect(await found(index)).toEqual({ ...now, 3: 0.75 });
});

const BAD: readonly (readonly [reason: RegExp, fields: readonly (string | Buffer)[]])[] = [
  [/has no field `item_id`/, ["embedding", "[1,0]"]],
  [/has no field `embedding`/, ["item_id", "9"]],
  [/`item_id` is "nine", and the ids of this index are int64/, ["item_id", "nine", "embedding", "[1,0]"]],
  [/`item_id` is "9223372036854775808"/, ["item_id", "9223372036854775808", "embedding", "[1,0]"]],
  [/`embedding` has 3 numbers, and the index vectors of 2/, ["item_id", "9", "embedding", "[1,0,0]"]],
  [/`embedding` is not JSON/, ["item_id", "9", "embedding", "[1,"]],
  [/`embedding` is not a list/, ["item_id", "9", "embedding", '{"length":2}']],
  [/`embedding` has "1e39" at place 0|"1e\+39" at place 0/, ["item_id", "9", "embedding", "[1e39,0]"]],
  [/`embedding` has "null" at place 1/, ["item_id", "9", "embedding", "[0,null]"]],
  [/`op` is "drop", and must be/, ["item_id", "9", "op", "drop"]],
  [
    /field "stock" is not one of op, attributes, item_id, embedding/,
    ["item_id", "9", "embedding", "[1,0]", "stock", "1"],
  ],
  [/`attributes` is not a JSON object/, ["item_id", "9", "embedding", "[1,0]", "attributes", "[]"]],
  [/attribute "a" is not a number/, ["item_id", "9", "embedding", "[1,0]", "attributes", '{"a":[1]}']],
  [
    /attribute "a" is an integer beyond 2\^53/,
    ["item_id", "9", "embedding", "[1,0]", "attributes", '{"a":9007199254740993}'],
  ],
  [/it has 50\d\d bytes, and an entry may have 4096/, ["item_id", "9", "embedding", "x".repeat(5000)]],
  [/`item_id` is "�/, ["item_id", Buffer.of(0xff, 0xfe), "embedding", "[1,0]"]],
];

test.each(BAD)("skips an entry: %s", async (reason, fields) => {
  const id = await redis.client().xadd("items", "*", ...fields);
  await upsert(8, 0.5);
  const { batches, warnings } = await follow();
  expect(batches).toEqual(["2 entries"]);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(reason.source.includes("�") ? /`item_id` is not UTF-8/ : reason);
  expect(warnings[0]).toContain(`stream items, entry ${id}: `);
  expect(await found(index)).toEqual(asRecord(new Map([...BASE, [8, 0.5]])));
});

test("reports entries that were removed before they were read, and a stream that was made anew", async () => {
  const client = redis.client();
  const add = (at: string, id: number) =>
    client.xadd("items", at, "item_id", id, "embedding", JSON.stringify([id / 10, 0]));
  for (let i = 1; i <= 3; i++) await add(`${i}-0`, i);
  expect((await follow()).warnings).toEqual([]);
  for (let i = 4; i <= 8; i++) await add(`${i}-0`, i);
  // Entries that were applied may be removed.
  await client.xtrim("items", "MINID", "4-0");
  const { batches, warnings } = await follow();
  expect([batches, warnings]).toEqual([["5 entries"], []]);
  for (let i = 9; i <= 12; i++) await add(`${i}-0`, i);
  await client.xtrim("items", "MINID", "11-0");
  const gap = await follow();
  expect(gap.batches).toEqual(["2 entries"]);
  expect(gap.warnings[0]).toMatch(/^stream items: 2 entries after 8-0 were removed before they were read/);
  await client.del("items");
  expect(await follow()).toEqual({ batches: [], warnings: [] });
  await add("1-0", 1);
  await expect(follow()).rejects.toThrow(/ends at 1-0, and entries up to 12-0 were applied: it was made anew/);
});

test("refuses what is not a stream, and hides passwords", async () => {
  await redis.client().set("items", "text");
  await expect(follow()).rejects.toThrow(/`items` is a string, not a stream/);
  for (const [text, reason] of [
    ["http://localhost", /is not an address of Redis/],
    ["redis://:hush-hush@localhost/x", /is not the number of a database/],
    ["redis://:hush-hush@localhost?db=1", /has a query/],
    ["redis://:hush%@localhost", /is not an address/],
    ["redis://:${MERLON_NOT_SET}@localhost", /MERLON_NOT_SET, which is not set/],
  ] as const) {
    expect(() => readStreamAddress(text)).toThrow(reason);
    expect(() => readStreamAddress(text)).not.toThrow(/hush/);
  }
  const guarded = await startRedis(["--requirepass", "open sesame"], { password: "open sesame" });
  const open = (password: string) =>
    openStreamFeed(readStreamAddress(`redis://:${encodeURIComponent(password)}@127.0.0.1:${guarded.port}`), {
      ...columns,
      ...{ key: "items", encoding: "json", maxBytes: 4096, batchBytes: 65_536, warn: () => {} },
    });
  const refused = await open("open says me").then(
    () => "",
    (error: Error) => error.message,
  );
  expect(refused).toMatch(/WRONGPASS|invalid username-password/);
  expect(refused).not.toContain("open says me");
  await (await open("open sesame")).close();
  await guarded.stop();
});

test("continues when the server ends and starts again", { timeout: 60_000 }, async () => {
  const own = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
  const client = own.client();
  const add = (id: number, x: number) => client.xadd("items", "*", "item_id", id, "embedding", JSON.stringify([x, 0]));
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  const feed = await openStreamFeed(readStreamAddress(address(own.port)), {
    ...columns,
    ...{ key: "items", encoding: "json", maxBytes: 4096, batchBytes: 65_536, warn },
  });
  const stop = new AbortController();
  const seen = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const away = Promise.withResolvers<void>();
  let count = 0;
  const following = followFeed(index, feed, {
    waitMs: 5000,
    once: false,
    signal: stop.signal,
    warn: text => {
      warn(text);
      away.resolve();
    },
    onBatch: () => seen[count++]?.resolve(),
  });
  await add(8, 0.5);
  await seen[0]!.promise;
  await own.kill();
  await away.promise;
  await own.restart();
  await add(9, 0.25);
  await seen[1]!.promise;
  stop.abort();
  await following;
  await feed.close();
  await own.stop();
  expect(warnings[0]).toMatch(/^Redis at 127\.0\.0\.1:\d+ cannot be reached: .* Trying again\.$|^Redis at redis:/);
  expect(await found(index)).toEqual(asRecord(new Map([...BASE, [8, 0.5], [9, 0.25]])));
  expect(rowsOf(`${index}.delta`)).toEqual({ upserts: 2, deletes: 0, commits: 2 });
});

test("applies each entry once, whenever it is killed", { timeout: 1_800_000 }, async () => {
  for (let i = 0; i < 6; i++) await upsert(100 + i, 10 + i);
  await remove(3);
  await upsert(2, 20);
  const last = asRecord(
    new Map([[1, 1], [2, 20], [4, 4], ...Array.from({ length: 6 }, (_, i) => [100 + i, 10 + i] as const)]),
  ); // prettier-ignore
  const args = ["--redis-stream", address(), "items", "--batch-bytes", "90"];
  const copy = (name: string) => {
    const folder = join(root, name);
    for (const file of ["items.faiss", "base.parquet"]) cpSync(join(root, file), join(folder, file));
    return folder;
  };
  const whole = copy("whole");
  const { changes, ...ended } = await followOnce(whole, args);
  expect(ended).toMatchObject({ status: 0, err: "" });
  expect(await found(join(whole, "items.faiss"))).toEqual(last);
  const { commits } = rowsOf(join(whole, "items.faiss.delta"));
  expect(commits).toBeGreaterThan(2);
  for (const instant of instants(changes!)) {
    const at = `killed before change ${instant} of ${changes}`;
    const folder = copy(String(instant));
    const killed = await followOnce(folder, args, instant);
    expect([killed.status, killed.err], at).toEqual(["SIGKILL", ""]);
    const again = await followOnce(folder, args);
    expect([again.status, again.err], at).toEqual([0, ""]);
    expect(await found(join(folder, "items.faiss")), at).toEqual(last);
    expect(rowsOf(join(folder, "items.faiss.delta")), at).toEqual({ upserts: 7, deletes: 1, commits });
    rmSync(folder, { recursive: true });
  }
});
