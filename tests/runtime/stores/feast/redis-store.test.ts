// Values where a reply has them: also at the start of its bytes, as in replies of a cluster that is changing.
import { expect, test, vi } from "vitest";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
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
const NONE = [-1, -1] as const;

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
