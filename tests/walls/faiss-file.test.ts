// FAISS files that lie about sizes: none reaches memory that is not its own, and none takes more memory than its size allows.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { bytesSource } from "#formats/bytes/byte-source.js";
import { readFaissHeader } from "#formats/faiss/faiss.js";
import { readFaissLayout } from "#formats/faiss/faiss-layout.js";
import { openIndex } from "#runtime/stores/vectors/open-index.js";
import { flat, full, hnsw, idMap, ivfFlat, ivfPq, pairs, pq, refined } from "./support/faiss-file.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-faiss-"));
afterAll(() => rmSync(folder, { recursive: true }));
const script = fileURLToPath(new URL("support/faiss-search.mjs", import.meta.url));
const kinds = fileURLToPath(new URL("../fixtures/faiss-kinds/1.15.1", import.meta.url));

interface Printed {
  readonly ids?: readonly string[];
  readonly hits?: number;
  readonly error?: string;
  /** That opening and searching added. */
  readonly megabytes: number;
}
let written = 0;
function write(bytes: Buffer): string {
  const path = join(folder, `${written++}.faiss`);
  writeFileSync(path, bytes);
  return path;
}
/** In a process of its own: one that faults, or takes all memory, ends alone. */
function searched(path: string, options: { by?: string; count?: number; k?: number; exclude?: number } = {}): Printed {
  const args = ["--max-old-space-size=1024", script, path, JSON.stringify(options)];
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 100_000 });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: "" });
  return JSON.parse(stdout) as Printed;
}
const BY = ["fastest", "thread"] as const;

describe("sparse list sizes are in any order, as FAISS reads them", () => {
  /** Two lists of one dimension: codes and ids one after the other, by list. */
  const content = (bytes: Record<number, bigint>): Buffer => {
    const made = Buffer.alloc(48);
    for (const [at, value] of Object.entries(bytes)) made.writeBigInt64LE(value, Number(at));
    return made;
  };
  const centroids = flat(1, Float32Array.of(0, 1));
  const index = (sizes: Buffer, of: Buffer) => ivfFlat(4, centroids, 2, { sizes, content: of });
  // List 0 holds one vector, list 1 three: ids are at 4 and at 24, 32, 40.
  const whole = content({ 4: 7n, 24: 1n, 32: 2n, 40: 3n });

  test.each(BY)("%s: answers are those of the list they are in", by => {
    for (const sizes of [full(1, 3), pairs(0, 1, 1, 3), pairs(1, 3, 0, 1)])
      expect(searched(write(index(sizes, whole)), { by, k: 4 }).ids?.toSorted()).toEqual(["1", "2", "3", "7"]);
  });
  test("of two pairs of a list the last one counts", () => {
    const of = (sizes: Buffer) => readFaissLayout(bytesSource(index(sizes, content({}))), "x").idRuns;
    expect(of(pairs(1, 9, 1, 4))).toEqual(of(pairs(0, 0, 1, 4)));
  });
  test.each(BY)("%s: ids beyond 2^53 are distinguished from vectors", by => {
    const wide = content({ 4: 2n ** 60n, 24: 2n ** 61n, 32: -5n, 40: 3n });
    expect(searched(write(index(pairs(1, 3, 0, 1), wide)), { by, k: 4 }).ids?.toSorted()).toEqual(
      [2n ** 60n, 2n ** 61n, -5n, 3n].map(String).sort(),
    );
  });
  test.each(BY)("%s: an id map around it is not read beyond its end", by => {
    // In pair order all ids would be 0; in list order the first is far beyond the map.
    const far = idMap(index(pairs(1, 3, 0, 1), content({ 4: 2n ** 40n })), [10n, 11n, 12n, 13n]);
    expect(searched(write(far), { by, k: 1 }).error).toMatch(
      /is not a whole FAISS index: the index inside holds the id 1099511627776, and ids there are places below 4/,
    );
  });
  test("an odd count, a list that does not exist, more vectors than the file holds", () => {
    const refused = (sizes: Buffer) => expect(() => readFaissHeader(index(sizes, whole), "x"));
    refused(pairs(0, 1, 1)).toThrow("x is not a whole FAISS index: 3 numbers are not pairs of list and size");
    refused(pairs(2, 1, 1, 3)).toThrow("a size for list 2 of 2");
    refused(pairs(0, 1, 1, 2 ** 40)).toThrow(/vectors of a list at byte \d+ takes 4398046511104 bytes/);
  });
});

describe("memory is bounded by the size of the file", () => {
  // 32,768 x 4 centroids; distances between all pairs of them would take 4 GB a part.
  const bomb = hnsw("IHNp", 2, pq(4, 2, 14, 2));
  test("HNSW of PQ with fine parts: opened without the table of pairs, which searches do not use", () => {
    const path = write(bomb);
    expect(bomb.length).toBeLessThan(300_000);
    const { hits, megabytes } = searched(path, { k: 1 });
    expect(hits).toBe(1);
    expect(megabytes).toBeLessThan(300);
    expect(searched(path, { by: "thread" }).error).toMatch(
      /\d\.faiss takes 2048 MiB of memory for tables that speed searches up\. An index of its size may take 68\.0 MiB \(16 times the file and 64 MiB\)/,
    );
  });
  test("IVF of PQ: opened without precomputed tables where they are larger than that, with the same answers", () => {
    const nlist = 14_000;
    const centroids = flat(
      64,
      Float32Array.from({ length: nlist * 64 }, (_, i) => Math.sin(i)),
    );
    const lists = { sizes: pairs(5, 1), content: Buffer.alloc(64 + 8) };
    const path = write(ivfPq(1, centroids, nlist, 64, 8, lists));
    const { error, megabytes } = searched(path);
    expect(error).toBeUndefined();
    // The tables would take 917 MB.
    expect(megabytes).toBeLessThan(400);
    expect(searched(path, { by: "thread" }).error).toMatch(/takes 875\.0 MiB of memory for tables/);
  });
  test("tables of an index that may have them are left out, and the same is found", async () => {
    const path = join(kinds, "ivf-pq.faiss");
    const { openNativeIndex } = await import("#runtime/stores/vectors/native-index.js");
    const { readFaissLayoutFile } = await import("#formats/faiss/faiss.js");
    const layout = readFaissLayoutFile(path);
    expect(layout.tables).toBeGreaterThan(0);
    const query = () => Float32Array.from({ length: 3 * 8 }, (_, i) => Math.sin(i));
    const [withTables, without] = await Promise.all(
      [layout, { ...layout, room: 0 }].map(async of => {
        const index = (await openNativeIndex(path, layout.header, { nprobe: 4 }, of))!;
        return index.search(query(), 3, 10);
      }),
    );
    expect(without!.ids).toEqual(withTables!.ids);
    without!.distances.forEach((distance, i) => void expect(distance).toBeCloseTo(withTables!.distances[i]!, 4));
  });
  test("lists, more of them than the file pays for, and parts of more bits than FAISS trains", () => {
    // A scalar quantizer of one byte a centroid: each would be 160 bytes of empty lists.
    const finer = pq(1, 1, 17, 1);
    expect(() => readFaissHeader(finer, "x")).toThrow(
      "x is not a whole FAISS index: a product quantizer of 1 parts of 17 bits (1 to 16 are supported) for 1 dimensions",
    );
    const nlist = 1_000_000;
    const many = ivfFlat(0, pq(1, 1, 1, nlist), nlist, { sizes: pairs(), content: Buffer.alloc(0) });
    expect(many.length).toBeLessThan(1.1e6);
    expect(() => readFaissHeader(many, "x")).toThrow(
      /x takes 152\.6 MiB of memory for inverted lists\. An index of its size may take 79\.\d MiB/,
    );
  });
  test("a refinement makes room for no more hits than there are vectors", () => {
    const n = 100_000;
    const vectors = flat(
      1,
      Float32Array.from({ length: n }, (_, i) => i),
    );
    const path = write(refined(vectors, vectors, 256));
    const { ids, hits, megabytes } = searched(path, { k: n });
    expect(ids!.slice(0, 3)).toEqual(["0", "1", "2"]);
    expect(hits).toBe(n);
    // 256 x 12 bytes for each of 100,000 vectors are 307 MB.
    expect(megabytes).toBeLessThan(150);
    expect(searched(path, { by: "thread", k: n }).error).toContain("k_factor 256");
    // As many as fit are compared again as ever.
    expect(searched(path, { by: "thread", k: 5 }).ids).toEqual(["0", "1", "2", "3", "4"]);
  });
  test.each(BY)("%s: a batch is searched in parts, where each query has tables of its own", by => {
    // One dimension, 65,536 centroids: 256 KB of distances for a query of 4 bytes.
    const path = write(pq(1, 1, 16, 10));
    const { hits, megabytes } = searched(path, { by, count: 2500, k: 2 });
    expect(hits).toBe(5000);
    // Tables of all at once are 625 MB.
    expect(megabytes).toBeLessThan(350);
  });
  test.each(BY)("%s: a query that excludes many ids does not widen the search of the others", by => {
    const n = 60_000;
    const path = write(
      flat(
        1,
        Float32Array.from({ length: n }, (_, i) => i),
      ),
    );
    const { ids, hits, megabytes } = searched(path, { by, count: 1000, k: 2, exclude: 50_000 });
    expect(ids).toEqual(["50000", "50001"]);
    expect(hits).toBe(2000);
    // 25,000 hits of each would be 300 MB.
    expect(megabytes).toBeLessThan(200);
  });
});

test("an index that holds vectors for another is one of few kinds: files do not nest without end", () => {
  const lists = Buffer.concat(
    Array.from({ length: 20_000 }, () =>
      ivfFlat(0, flat(1, Float32Array.of(0)), 1, { sizes: full(0), content: Buffer.alloc(0) }).subarray(0, 53),
    ),
  );
  expect(() => readFaissHeader(lists, "x")).toThrow(
    "x is not a whole FAISS index: an index of kind `IwFl` is inside another",
  );
});

test("a file that changes while it is opened is refused", async () => {
  const path = write(readFileSync(join(kinds, "hnsw-sq.faiss")));
  const change = () => {
    writeFileSync(path, readFileSync(join(kinds, "hnsw-ip.faiss")));
    return true;
  };
  await expect(openIndex(path, {}, "fastest", change)).rejects.toThrow(`${path} changed while it was read`);
});
