// Our binding of FAISS has the hits of FAISS in Python, and refuses files by their path.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { readFaissLayoutFile } from "#formats/faiss/faiss.js";
import { Cancellable } from "#runtime/base/cancellation.js";
import { openNativeIndex } from "#runtime/stores/vectors/native-index.js";
import { openIndex } from "#runtime/stores/vectors/open-index.js";

afterEach(() => void vi.unstubAllEnvs());
const FIXTURES = join(import.meta.dirname, "../../../fixtures/faiss");
interface Answers {
  readonly dimension: number;
  readonly queries: readonly number[];
  readonly indexes: Readonly<Record<string, { ntotal: number; ids: string[][]; distances: number[][] }>>;
}
const { dimension, queries, indexes } = JSON.parse(readFileSync(join(FIXTURES, "answers.json"), "utf8")) as Answers;
const file = (name: string): string => join(FIXTURES, `${name}.faiss`);
const open = (name: string, parameters = {}, of = readFaissLayoutFile(file(name))) =>
  openNativeIndex(file(name), of.header, parameters, of);
const count = queries.length / dimension;

test.each(Object.keys(indexes))("%s has the hits that FAISS in Python found", async name => {
  const { ntotal, ids, distances } = indexes[name]!;
  const index = (await open(name))!;
  const found = await index.search(Float32Array.from(queries), count, Math.min(8, ntotal));
  for (let row = 0; row < count; row++) {
    const [from, to] = [found.offsets[row]!, found.offsets[row + 1]!];
    expect([...found.ids.subarray(from, to)].map(String)).toEqual(ids[row]!.filter(id => id !== "-1"));
    for (let i = from; i < to; i++) expect(found.distances[i]).toBeCloseTo(distances[row]![i - from]!, 4);
  }
  await index.close();
});

describe("it is not used", () => {
  test("where the environment names the thread", async () => {
    vi.stubEnv("MERLON_FAISS", "thread");
    expect(await open("flat-l2")).toBeUndefined();
    vi.stubEnv("MERLON_FAISS", "");
    const index = await open("flat-l2");
    expect(index?.scans).toBe(true);
    await index?.close();
  });
  test("for a file of which the header says something else, by its path", async () => {
    const layout = readFaissLayoutFile(file("flat-l2"));
    for (const header of [
      { ...layout.header, ntotal: layout.header.ntotal - 1 },
      { ...layout.header, dimension: layout.header.dimension + 1 },
    ])
      await expect(open("flat-l2", {}, { ...layout, header })).rejects.toMatchObject({
        code: "INTERNAL",
        message: `${file("flat-l2")} changed while it was read`,
      });
    const none = join(FIXTURES, "none.faiss");
    await expect(openNativeIndex(none, layout.header, {}, layout)).rejects.toMatchObject({
      code: "INTERNAL",
      message: expect.stringContaining(`${none}: FAISS can not open it: `) as string,
    });
  });
});

test("tables that speed searches up may be left out, and the same is found", async () => {
  const path = join(FIXTURES, "../faiss-kinds/1.15.1/ivf-pq.faiss");
  const layout = readFaissLayoutFile(path);
  expect(layout.tables).toBeGreaterThan(0);
  const [whole, without] = await Promise.all(
    [layout.room, layout.tables - 1].map(async room => {
      const index = (await openNativeIndex(path, layout.header, { nprobe: 4 }, { ...layout, room }))!;
      const query = Float32Array.from({ length: 3 * 8 }, (_, i) => Math.sin(i));
      const hits = await index.search(query, 3, 10);
      await index.close();
      return hits;
    }),
  );
  expect(without!.ids).toEqual(whole!.ids);
});

describe("searches", () => {
  test("visit the given number of lists", async () => {
    const [one, four] = await Promise.all([open("ivf-l2"), open("ivf-l2", { nprobe: 4 })]);
    const hits = await Promise.all(
      [one!, four!].map(async index => (await index.search(Float32Array.from(queries), count, 60)).ids.length),
    );
    expect(hits[1]).toBe(60 * count);
    expect(hits[0]).toBeLessThan(60 * count);
  });
  test("that are known to be short are made at once", async () => {
    const index = (await open("ivf-l2"))!;
    const query = Float32Array.from(queries).subarray(0, dimension);
    const searches = async (): Promise<boolean> => {
      const hits = index.search(query, 1, 5);
      await hits;
      return hits instanceof Promise;
    };
    expect(await searches()).toBe(true);
    let tries = 0;
    while (await searches()) expect(++tries).toBeLessThan(500);
    await index.close();
  });
  test("that are cancelled before they begin are dropped, and closing waits for the others", async () => {
    const index = (await open("hnsw-l2"))!;
    const many = Float32Array.from({ length: 4000 * dimension }, (_, i) => Math.sin(i));
    const signal = new Cancellable();
    signal.abort();
    const searches = Array.from({ length: 3 }, () =>
      Promise.resolve(index.search(many, 4000, 10)).then(({ offsets }) => offsets.length),
    );
    const cancelled = Promise.resolve(index.search(many, 4000, 10, undefined, signal)).then(
      () => "answered",
      ({ code }: { code: string }) => code,
    );
    await index.close();
    expect(await Promise.all(searches)).toEqual([4001, 4001, 4001]);
    expect(["answered", "CANCELLED"]).toContain(await cancelled);
  });
});

test("an index that cannot be searched so is refused before it is opened, by its path", async () => {
  await expect(openIndex(file("flat-l2"), { nprobe: 2 })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: `${file("flat-l2")} has no lists (it is flat), and \`nprobe\` is given. Build the ensemble again.`,
  });
});
