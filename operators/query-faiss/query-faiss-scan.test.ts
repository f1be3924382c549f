// The scan of flat indexes, by each processor's loops, beside FAISS's own search of the same file: the same ids in the same order. If
// distances are equal, the first in the index is first, for any k.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { coalesceSearches } from "#runtime/stores/vectors/coalesce-searches.js";
import { builtUrl } from "../../tests/needs/built.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "merlon-scan-"));
// Compiles it where it is missing or of an older source, and else does nothing.
beforeAll(() => void execFileSync(process.execPath, [join(root, "scripts", "native-faiss.mjs")]), 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

function writeFlat(name: string, metric: "ip" | "l2", dimension: number, vectors: Float32Array): string {
  const head = Buffer.alloc(45);
  head.write(metric === "ip" ? "IxFI" : "IxF2");
  head.writeInt32LE(dimension, 4);
  head.writeBigInt64LE(BigInt(vectors.length / dimension), 8);
  head.writeBigInt64LE(1n << 20n, 16);
  head.writeBigInt64LE(1n << 20n, 24);
  head.writeUInt8(1, 32);
  head.writeInt32LE(metric === "ip" ? 0 : 1, 33);
  head.writeBigUInt64LE(BigInt(vectors.length), 37);
  const file = join(folder, name);
  writeFileSync(file, Buffer.concat([head, Buffer.from(vectors.buffer)]));
  return file;
}

/** Numbers that repeat in every run. */
function numbers(count: number, make: (uniform: number) => number): Float32Array {
  let state = count;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return make(state / 2 ** 32);
  });
}

/** Integers have no rounding and many ties; for those far from zero and close together 8 bits distinguish least. */
const KINDS = {
  ties: (x: number) => Math.floor(x * 5) - 2,
  spread: (x: number) => x - 0.5,
  close: (x: number) => 60 + Math.floor(x * 3),
  zero: () => 0,
  huge: (x: number) => (x - 0.5) * 1e15,
  overflowing: (x: number) => (x - 0.5) * 1e19,
};
const cases = Object.keys(KINDS).flatMap(kind =>
  (["ip", "l2"] as const).flatMap(metric =>
    [
      [1, 5],
      [3, 100],
      [64, 1000],
      [70, 333],
    ].map(([dimension, count]) => ({ kind, metric, dimension: dimension!, count: count! })),
  ),
);

// In a process of its own: the processor's features are read once.
test.each(["", "avx2", "none"])(
  "MERLON_SIMD=%s: as FAISS searches",
  simd => {
    const files = cases.map(({ kind, metric, dimension, count }) => ({
      dimension,
      count,
      queries: [...numbers(11 * dimension, KINDS[kind as keyof typeof KINDS])],
      file: writeFlat(
        `${kind}-${metric}-${dimension}.faiss`,
        metric,
        dimension,
        numbers(dimension * count, KINDS[kind as keyof typeof KINDS]),
      ),
    }));
    const script = join(folder, "script.mjs");
    writeFileSync(join(folder, "files.json"), JSON.stringify(files));
    writeFileSync(
      script,
      `import { readFileSync } from "node:fs";
    import { openIndex } from "DIST/runtime/stores/vectors/open-index.js";
    import { openNativeIndex } from "DIST/runtime/stores/vectors/native-index.js";
    let scanned = 0;
    for (const { file, dimension, count, queries } of JSON.parse(readFileSync(${JSON.stringify(join(folder, "files.json"))}))) {
      const thread = await openIndex(file, {}, "thread");
      const scan = await openNativeIndex(file, thread.header, {});
      if (scan.scans) scanned++;
      for (const rows of [1, 2, 3, 11]) for (const k of [1, Math.min(count, 7), Math.min(count, 99)]) {
        const asked = () => new Float32Array(queries.slice(0, rows * dimension));
        const mine = await scan.search(asked(), rows, k);
        const all = await thread.search(asked(), rows, count);
        const sign = /-ip-/.test(file) ? -1 : 1;
        const order = Array.from({ length: rows }, (_, row) => Array.from({ length: count }, (_, i) => row * count + i)
          .sort((a, b) => sign * (all.distances[a] - all.distances[b]) || Number(all.ids[a] - all.ids[b])).slice(0, k)).flat();
        const theirs = { ids: order.map(i => all.ids[i]), distances: order.map(i => all.distances[i]) };
        const largest = all.distances.reduce((most, d) => Math.max(most, Math.abs(d)), 1);
        // Sums that overflow are FAISS's own.
        if (!scan.scans) continue;
        for (let i = 0; i < theirs.ids.length; i++) {
          const off = Math.abs(mine.distances[i] - theirs.distances[i]) / largest;
          if (off < 1e-5 && mine.ids[i] === theirs.ids[i]) continue;
          // Rounding may change places with a neighbour of the same distance to its last digits.
          const near = [i - 1, i + 1].some(j => mine.ids[j] === theirs.ids[i] || mine.ids[i] === theirs.ids[j]);
          if (off < 1e-5 && !/ties|close|zero/.test(file) && near) continue;
          throw new Error([file, rows, k, i, mine.ids[i], theirs.ids[i], mine.distances[i], theirs.distances[i]].join(" "));
        }
      }
      await Promise.all([scan.close(), thread.close()]);
    }
    console.log(scanned);`.replaceAll("DIST", builtUrl("")),
    );
    const { stdout, stderr, status } = spawnSync(process.execPath, [script], {
      encoding: "utf8",
      env: { ...process.env, MERLON_SIMD: simd },
    });
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
    // Vectors whose products overflow are left to FAISS.
    expect(Number(stdout)).toBeGreaterThanOrEqual(simd === "" && process.arch !== "x64" ? 0 : 36);
  },
  60_000,
);

test("waiting searches run as one batch, and fail as one; the next is searched again", async () => {
  const batches: number[][] = [];
  const search = coalesceSearches(async (queries, count, k) => {
    batches.push([count, k]);
    await new Promise(resolve => setImmediate(resolve));
    if (queries.includes(13)) throw new Error("unlucky");
    return Array.from({ length: count }, (_, i) => ({
      ids: BigInt64Array.of(BigInt(queries[i]!)),
      distances: Float32Array.of(k),
    }));
  });
  const ask = async (k: number, ...queries: number[]) =>
    (await search(Float32Array.from(queries), queries.length, k)).map(({ ids }) => Number(ids[0]));
  expect(await Promise.all([ask(1, 5), ask(1, 6, 7), ask(2, 8), ask(1, 9)])).toEqual([[5], [6, 7], [8], [9]]);
  expect(batches).toEqual([
    [1, 1],
    [3, 1],
    [1, 2],
  ]);
  const [first, ...others] = await Promise.allSettled([ask(1, 1), ask(1, 13), ask(1, 2), ask(2, 3)]);
  expect(first.status).toBe("fulfilled");
  expect(others.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
  expect(await ask(1, 4)).toEqual([4]);
});
