/**
 * Filtered searches beside faiss-cpu with IDSelectorBitmap, alternated in one run, one thread each: `npm run bench:filtered -- [--count 1000000]`.
 * Prints for each index and selectivity the way that is chosen, recall@10 beside an exact filtered search, and the median of a query's time. Bits are
 * made before. `--costs` prints the times that the constants of filtered-search.ts are made of.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { filteredWay } from "../../dist/runtime/stores/vectors/filtered-search.js";
import { openFilteredIndex } from "../../dist/runtime/stores/vectors/open-index.js";

const [QUERIES, TOPK, DIMENSION, ROUNDS] = [100, 10, 64, 3];
const { values } = parseArgs({
  options: {
    count: { type: "string", default: "100000" },
    folder: { type: "string" },
    costs: { type: "boolean", default: false },
  },
});
const count = Number(values.count);
const folder = values.folder ?? mkdtempSync(join(tmpdir(), "merlon-filtered-"));
const python = fileURLToPath(new URL("../../.cache/test-venv/bin/python", import.meta.url));
const other = spawn(python, [fileURLToPath(new URL("filtered_faiss.py", import.meta.url)), folder, String(count)], {
  stdio: ["pipe", "pipe", "inherit"],
});
const lines = createInterface({ input: other.stdout })[Symbol.asyncIterator]();
const ask = async text => {
  other.stdin.write(`${text}\n`);
  return JSON.parse((await lines.next()).value);
};
await lines.next();
const queries = new Float32Array(readFileSync(join(folder, "queries.f32")).buffer.slice(0));
const columns = ["index", "selectivity", "way", "recall", "p50 ms", "faiss-cpu recall", "faiss-cpu p50 ms"];
process.stdout.write(`${count} x ${DIMENSION}, ${QUERIES} queries, top ${TOPK}\n${columns.join(" | ")}\n`);
for (const name of ["flat", "ivf", "hnsw"]) {
  const index = await openFilteredIndex(join(folder, `${name}.faiss`));
  for (const selectivity of [0.5, 0.1, 0.01, 0.001]) {
    const bits = bitsOf(selectivity);
    const chosen = filteredWay(index.header, {}, bits.count, TOPK);
    const ways = values.costs ? waysOf(name, bits.count) : [chosen];
    const exact = await searchAll(index, { ...bits, way: "exact", effort: 0 });
    for (const way of ways) {
      const [own, theirs] = [[], []];
      for (let round = 0; round < ROUNDS; round++) {
        own.push(await searchAll(index, { ...bits, ...way }));
        theirs.push(await ask(`${name} ${selectivity}`));
      }
      const row = [
        name,
        `${selectivity * 100} %`,
        way.way + (way.effort ? ` ${way.effort}` : ""),
        recall(own[0].ids, exact.ids),
      ];
      row.push(median(own.map(({ ms }) => ms)), recall(theirs[0].ids, exact.ids), median(theirs.map(({ ms }) => ms)));
      process.stdout.write(`${row.map(cell => (typeof cell === "number" ? cell.toFixed(3) : cell)).join(" | ")}\n`);
    }
  }
  await index.close();
}
other.stdin.end();
if (values.folder === undefined) rmSync(folder, { recursive: true });

function waysOf(name, set) {
  const ways = [{ way: "exact", effort: 0 }];
  if (name === "ivf") ways.push({ way: "lists", effort: 0 });
  if (name === "hnsw")
    for (const times of [0.5, 1, 2]) ways.push({ way: "graph", effort: Math.ceil((times * 64 * count) / set) });
  return ways;
}

/** As filtered_faiss.py makes them: item i if a hash of it is below a bound. */
function bitsOf(selectivity) {
  const bits = new Uint8Array(Math.ceil(count / 8));
  let set = 0;
  for (let i = 0; i < count; i++) {
    if (Math.imul(i + 1, 2654435761) >>> 0 >= selectivity * 2 ** 32) continue;
    bits[i >> 3] |= 1 << (i & 7);
    set++;
  }
  return { bits, count: set };
}

async function searchAll(index, among) {
  const bits = index.ids ? byPosition(index.ids, among.bits) : among.bits;
  const times = [];
  const ids = [];
  for (let row = 0; row < QUERIES; row++) {
    const query = queries.slice(row * DIMENSION, (row + 1) * DIMENSION);
    const began = performance.now();
    const found = await index.searchAmong({ ...among, bits }, query, 1, TOPK);
    times.push(performance.now() - began);
    ids.push(Array.from(found.ids, Number));
  }
  return { ids, ms: median(times) };
}

/** Bits of ids → bits of positions. */
function byPosition(ids, bits) {
  const made = new Uint8Array(bits.length);
  ids.forEach((id, position) => {
    const i = Number(id);
    if ((bits[i >> 3] >> (i & 7)) & 1) made[position >> 3] |= 1 << (position & 7);
  });
  return made;
}

function recall(found, exact) {
  let [hits, all] = [0, 0];
  exact.forEach((row, i) => {
    const seen = new Set(found[i]);
    all += row.length;
    hits += row.filter(id => seen.has(id)).length;
  });
  return hits / all;
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
