// Values where a reply has them: also at the start of its bytes, as in replies of a cluster that is changing.
import { expect, test, vi } from "vitest";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { connectHashReader } from "#runtime/stores/feast/redis-hashes.js";
import { openRedisStore } from "#runtime/stores/feast/redis-store.js";
import { scalars } from "../../../operators/step.js";
import { redisAt } from "./every-redis.js";

vi.mock("#runtime/stores/feast/redis-hashes.js", () => ({ connectHashReader: vi.fn() }));

/** The float 1 as Feast writes it. */
const ONE = Buffer.from("350000803f", "hex");

test("a value at the start of the reply's bytes, without the time before it", async () => {
  const { registry } = readFeastRepository(new URL("../../../fixtures/feast/every-0.67-k3", import.meta.url).pathname);
  const view = findView(registry, "shops")!;
  const rating = view.features.find(({ name }) => name === "rating")!;
  // For each of three shops the places of its time and of its rating.
  const places = Int32Array.of(-1, -1, 0, 5, -1, -1, -1, -1, 0, 2, -1, -1);
  vi.mocked(connectHashReader).mockResolvedValue({
    read: async () => [[{ bytes: ONE, places, errors: new Map() }]],
    close() {},
  });
  const store = await openRedisStore(redisAt(1), { project: "every", keyVersion: 3, timeoutMs: 1000 });
  const reader = await store.prepare([{ view, features: [rating] }], { bytes: "utf8", eventTimes: false });
  const keys = scalars("string", ["valued", "none", "timed"]);
  const [column] = await reader.getOnline(new Map([["shop", keys]]), 3);
  expect([...column!.status]).toEqual([1, 0, 2]);
  expect(column!.values[0]).toBe(1);
});
