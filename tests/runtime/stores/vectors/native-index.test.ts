// Our binding of FAISS has the hits of FAISS in Python, and refuses files by their path.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { readFaissLayoutFile } from "#formats/faiss/faiss.js";
import { Cancellable } from "#runtime/base/cancellation.js";
import { openNativeIndex } from "#runtime/stores/vectors/native-index.js";

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

describe("searches", () => {
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
