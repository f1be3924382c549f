// Values where a reply has them: also at the start of its bytes, as in replies of a cluster that is changing.
import { expect, test, vi } from "vitest";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import type { Column } from "#runtime/base/columns/table.js";
import { connectHashReader, type HashReader } from "#runtime/stores/feast/redis-hashes.js";
import { openRedisStore } from "#runtime/stores/feast/redis-store.js";
import type { ViewRead } from "#runtime/stores/feast/store.js";
import { scalars } from "../../../operators/step.js";
import { redisAt } from "./every-redis.js";

vi.mock("#runtime/stores/feast/redis-hashes.js", () => ({ connectHashReader: vi.fn() }));

/** The float 1 as Feast writes it. */
const ONE = Buffer.from("350000803f", "hex");

const { registry } = readFeastRepository(new URL("../../../fixtures/feast/every-0.67-k3", import.meta.url).pathname);

function readOf(name: string, feature: string): ViewRead {
  const view = findView(registry, name)!;
  return { view, features: view.features.filter(({ name }) => name === feature) };
}

/** A reader of these views whose servers answer with this. */
async function readerOf(reads: readonly ViewRead[], answer: HashReader["read"], eventTimes = false) {
  const read = vi.fn(answer);
  const close = vi.fn();
  vi.mocked(connectHashReader).mockResolvedValue({ read, close });
  const store = await openRedisStore(redisAt(1), { project: "every", keyVersion: 3, timeoutMs: 1000 });
  return { read, close, store, reader: await store.prepare(reads, { bytes: "utf8", eventTimes }) };
}

const shops = (...names: readonly string[]) => ["shop", scalars("string", names)] as const;
const users = (...ids: readonly bigint[]) => ["user_id", scalars("int64", ids)] as const;
const NONE = [-1, -1] as const;

test("a value at the start of the reply's bytes, without the time before it", async () => {
  // For each of three shops the places of its time and of its rating.
  const places = Int32Array.of(...NONE, 0, 5, ...NONE, ...NONE, 0, 2, ...NONE);
  const { reader } = await readerOf([readOf("shops", "rating")], async () => [
    [{ bytes: ONE, places, errors: new Map() }],
  ]);
  const [column] = await reader.getOnline(new Map([shops("valued", "none", "timed")]), 3);
  expect([...column!.status]).toEqual([1, 0, 2]);
  expect(column!.values[0]).toBe(1);
});

test("two views of one entity, each at its places of a row", async () => {
  const reads = ["first", "second"].map(name => {
    const { view, features } = readOf("shops", "rating");
    return { view: { ...view, name, storeName: name }, features };
  });
  // Time and rating of the first view, then of the second, for each of two shops.
  const places = Int32Array.of(...NONE, 0, 5, ...NONE, ...NONE, ...NONE, ...NONE, ...NONE, 0, 5);
  const { reader, read } = await readerOf(reads, async () => [[{ bytes: ONE, places, errors: new Map() }]]);
  const columns = await reader.getOnline(new Map([shops("a", "b")]), 2);
  expect(columns.map(({ status }) => [...status])).toEqual([
    [1, 0],
    [0, 1],
  ]);
  expect(read.mock.calls[0]![0].map(({ keys, fields }) => [keys.length, fields.length])).toEqual([[2, 4]]);
});

test("without keys no server is called, and with keys of one view it is", async () => {
  const reads = [readOf("values", "f32"), readOf("shops", "rating")];
  const places = Int32Array.of(...NONE, 0, 5);
  const { reader, read } = await readerOf(reads, async () => [[], [{ bytes: ONE, places, errors: new Map() }]]);
  const none = await reader.getOnline(new Map<string, Column>([users(), shops()]), 0);
  expect(none.map(({ values, status }) => [values.length, status.length])).toEqual([
    [0, 0],
    [0, 0],
  ]);
  expect(read).not.toHaveBeenCalled();
  const one = await reader.getOnline(new Map<string, Column>([users(), shops("a")]), 1);
  expect(one.map(({ status }) => [...status])).toEqual([[0], [1]]);
  expect(read).toHaveBeenCalledOnce();
});

test("an event time that cannot be read is named with its cause", async () => {
  const places = Int32Array.of(0, 1, ...NONE);
  const answer: HashReader["read"] = async () => [[{ bytes: Buffer.of(0x0f), places, errors: new Map() }]];
  const { reader } = await readerOf([readOf("shops", "rating")], answer, true);
  const failed = reader.getOnline(new Map([shops("corner")]), 1);
  await expect(failed).rejects.toThrow(
    /^the event time of view `shops` of .*corner.* can not be read: .+\. Materialize the view again\.$/,
  );
  await expect(failed).rejects.toMatchObject({ cause: expect.any(Error) });
});

test("its connections are closed with it", async () => {
  const { store, close } = await readerOf([readOf("shops", "rating")], async () => []);
  expect(close).not.toHaveBeenCalled();
  await store.close();
  expect(close).toHaveBeenCalledOnce();
});
