/** Indexes in memory that processes share. Each kind finds the same as in memory of its own, bit for bit, also after its file was removed. */
import { mkdtempSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { provideMapping } from "#runtime/base/shared/mapping.js";
import { shareFiles } from "#runtime/server/memory/allocator.js";
import { openIndex } from "#runtime/stores/vectors/open-index.js";
import { elapse } from "../../../run/wait.js";

const [D, ROWS, K] = [32, 9000, 10];
const folder = mkdtempSync(join(tmpdir(), "merlon-shared-index-"));
beforeAll(() => {
  vi.stubEnv("TMPDIR", folder);
});
afterAll(() => {
  provideMapping(undefined);
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const { Index } = createRequire(import.meta.url)("faiss-node") as {
  Index: {
    fromFactory(
      dimension: number,
      factory: string,
      metric: number,
    ): {
      train(x: number[]): void;
      add(x: number[]): void;
      addWithIds(x: number[], ids: readonly bigint[]): void;
      write(file: string): void;
    };
  };
};
/** Numbers from -0.5 to 0.5. */
const noise = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => {
    const far = Math.sin((i + 1) * 12.9898 + seed) * 43758.5453;
    return Math.fround(far - Math.floor(far) - 0.5);
  });
const vectors = noise(ROWS * D, 0);
const queries = Float32Array.from(noise(25 * D, 1));

function write(name: string, factory: string, metric: number): string {
  const index = Index.fromFactory(D, factory, metric);
  index.train(vectors.slice(0, 3000 * D));
  if (factory.startsWith("IDMap"))
    index.addWithIds(
      vectors,
      Array.from({ length: ROWS }, (_, i) => BigInt(7 * i)),
    );
  else index.add(vectors);
  const file = join(folder, name);
  index.write(file);
  return file;
}

/** Names of faiss-node's metrics: 0 is the inner product, 1 the Euclidean distance. */
const KINDS = [
  ["Flat", 0, {}],
  ["Flat", 1, {}],
  ["IVF8,Flat", 0, {}],
  ["IVF8,Flat", 1, { nprobe: 3 }],
  ["HNSW4,Flat", 1, { efSearch: 40 }],
  ["IVF8,SQ8,RFlat", 1, {}],
] as const;

test.each(KINDS)("%s, metric %i, %o", async (factory, metric, parameters) => {
  const file = write(`${factory}-${metric}.faiss`, factory, metric);
  await elapse(40);
  provideMapping(undefined);
  const own = await openIndex(file, parameters);
  shareFiles(true);
  const [first, second] = [await openIndex(file, parameters), await openIndex(file, parameters)];
  const shared = readdirSync(folder).find(name => name.startsWith("merlon-shared-"));
  expect(readdirSync(join(folder, shared!)).length).toBeGreaterThan(0);
  truncateSync(file, 100);
  const rows = async (index: typeof own, count: number) => {
    const { ids, distances } = await index.search(queries.subarray(0, count * D), count, K);
    return { ids: [...ids], distances: [...distances] };
  };
  for (const count of [1, 25]) {
    const expected = await rows(own, count);
    expect(expected.ids.length).toBe(count * K);
    expect(await rows(first, count)).toEqual(expected);
    expect(await rows(second, count)).toEqual(expected);
  }
  await first.close();
  expect(await rows(second, 1)).toEqual(await rows(own, 1));
  await second.close();
  await own.close();
});
