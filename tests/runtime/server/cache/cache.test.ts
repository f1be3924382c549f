/**
 * The response cache: hits are answered without an execution and counted as hits; bytes are bounded.
 */
import { expect, test } from "vitest";
import { createLocalCache } from "#runtime/server/cache/local-cache.js";
import { repository, startServer } from "../support.js";

const config = (cached: boolean): string => `
backend: "identity" max_batch_size: 8
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [1] } ]
${cached ? "response_cache { enable: true }" : ""}`;
const files = {
  "kept/config.pbtxt": config(true),
  "kept/1/.keep": "",
  "plain/config.pbtxt": config(false),
  "plain/1/.keep": "",
};

test("an equal request is a hit, another is not, and only models with the option are cached", async () => {
  const server = await startServer(repository([], files), { cacheSize: 1_000_000 });
  try {
    for (const model of ["kept", "plain"])
      for (const value of [1, 2, 1, 1]) {
        const inputs = [{ name: "INPUT0", shape: [1, 1], datatype: "INT32", data: [value] }];
        const { body } = await server.post(`/v2/models/${model}/infer`, { inputs });
        expect(body).toMatchObject({ outputs: [{ data: [value] }] });
      }
    const statistics = async (model: string): Promise<unknown> => {
      const { body } = await server.json(`/v2/models/${model}/stats`);
      return (body as { model_stats: unknown[] }).model_stats[0];
    };
    expect(await statistics("kept")).toMatchObject({
      inference_count: 2,
      execution_count: 2,
      inference_stats: {
        success: { count: 4 },
        cache_hit: { count: 2 },
        cache_miss: { count: 2 },
        compute_infer: { count: 2 },
      },
    });
    expect(await statistics("plain")).toMatchObject({
      execution_count: 4,
      inference_stats: { success: { count: 4 }, cache_hit: { count: 0 }, cache_miss: { count: 0 } },
    });
  } finally {
    await server.stop();
  }
});

test("the least recently used answers are dropped, and what is too large is not kept", () => {
  const cache = createLocalCache(3000);
  const answer = (bytes: number) => ({
    outputs: [{ name: "O", datatype: "INT8" as const, shape: [bytes], data: new Uint8Array(bytes) }],
  });
  for (const key of ["a", "b"]) cache.put(key, answer(1000));
  cache.get("a");
  cache.put("c", answer(1000));
  cache.put("huge", answer(5000));
  expect(["a", "b", "c", "huge"].filter(key => cache.get(key))).toEqual(["a", "c"]);
});
