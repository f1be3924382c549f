/**
 * Filtered searches beside faiss-cpu with IDSelectorBitmap, alternated in one run, one thread each: `npm run bench:filtered -- [--count 1000000]`.
 * Prints for each index and selectivity the way that is chosen, recall@10 beside an exact filtered search, and the median of a query's time. Bits are
 * made before. `--costs` prints the times that the constants of filtered-search.ts are made of.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { filteredWay } from "../../dist/runtime/stores/vectors/filtered-search.js";
import { openFilteredIndex } from "../../dist/runtime/stores/vectors/open-index.js";
import { median } from "../stress/figures.mjs";
import { bitsOf, byPosition, recall, startFaiss } from "./filtered/shared.mjs";

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
const other = await startFaiss(folder, count);
const queries = new Float32Array(readFileSync(join(folder, "queries.f32")).buffer.slice(0));
const columns = ["index", "selectivity", "way", "recall", "p50 ms", "faiss-cpu recall", "faiss-cpu p50 ms"];
process.stdout.write(`${count} x ${DIMENSION}, ${QUERIES} queries, top ${TOPK}\n${columns.join(" | ")}\n`);
for (const name of ["flat", "ivf", "hnsw"]) {
  const index = await openFilteredIndex(join(folder, `${name}.faiss`));
  for (const selectivity of [0.5, 0.1, 0.01, 0.001]) {
    const bits = bitsOf(count, selectivity);
    const chosen = filteredWay(index.header, {}, bits.count, TOPK);
    const ways = values.costs ? waysOf(name, bits.count) : [chosen];
    const exact = await searchAll(index, { ...bits, way: "exact", effort: 0 });
    for (const way of ways) {
      const [own, theirs] = [[], []];
      for (let round = 0; round < ROUNDS; round++) {
        own.push(await searchAll(index, { ...bits, ...way }));
        theirs.push(await other.ask(`${name} ${selectivity}`));
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
other.close();
if (values.folder === undefined) rmSync(folder, { recursive: true });

function waysOf(name, set) {
  const ways = [{ way: "exact", effort: 0 }];
  if (name === "ivf") ways.push({ way: "lists", effort: 0 });
  if (name === "hnsw")
    for (const times of [0.5, 1, 2]) ways.push({ way: "graph", effort: Math.ceil((times * 64 * count) / set) });
  return ways;
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
