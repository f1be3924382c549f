// 10,000 queries per kind of index: what is answered here beside what faiss-cpu answers of the same file. `npm run verify:faiss`
// (`--queries N` for fewer). MERLON_TEST_PYTHON names a Python with faiss-cpu. Ends with 1 where an answer differs in more than the order
// of equal distances.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openIndex } from "../../dist/runtime/stores/vectors/open-index.js";
import { table } from "../../scripts/demo/terminal.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const own = join(ROOT, ".cache", "test-venv", "bin", "python");
const python = process.env.MERLON_TEST_PYTHON ?? (existsSync(own) ? own : "python3");
const { values } = parseArgs({ options: { queries: { type: "string", default: "10000" } } });
const BATCH = 250;

const folder = mkdtempSync(join(tmpdir(), "merlon-faiss-equal-"));
try {
  execFileSync(python, [join(ROOT, "tests/oracles/faiss/answer_many.py"), folder, values.queries], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const { faiss, count, dimension, k, kinds } = JSON.parse(readFileSync(join(folder, "kinds.json"), "utf8"));
  const raw = (name, Kind) => new Kind(readFileSync(join(folder, name)).buffer.slice(0));
  const queries = raw("queries.f32", Float32Array);
  const rows = [];
  for (const [name, { factory, parameters }] of Object.entries(kinds))
    rows.push([name, factory, ...(await compare(name, parameters, { count, dimension, k, queries, raw }))]);
  process.stdout.write(`${count} queries of each kind, ${k} hits each, beside faiss-cpu ${faiss}\n`);
  table(["index", "factory", ">same", ">tied", ">other", ">largest difference of a distance"], rows, "");
  process.exitCode = rows.some(row => row[4] > 0) ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true });
}

/** Counts hits that are equal, that are another of equal distance, and that are neither. */
async function compare(name, parameters, { count, dimension, k, queries, raw }) {
  const [ids, distances] = [raw(`${name}.ids.i64`, BigInt64Array), raw(`${name}.distances.f32`, Float32Array)];
  const index = await openIndex(join(folder, `${name}.faiss`), parameters);
  let [same, tied, other, largest] = [0, 0, 0, 0];
  for (let first = 0; first < count; first += BATCH) {
    const n = Math.min(BATCH, count - first);
    const found = await index.search(queries.slice(first * dimension, (first + n) * dimension), n, k);
    for (let row = 0; row < n; row++) {
      const [start, end] = [found.offsets[row], found.offsets[row + 1]];
      for (let i = 0; i < k; i++) {
        const at = (first + row) * k + i;
        if (start + i >= end) {
          if (ids[at] === -1n) same++;
          else other++;
          continue;
        }
        const [mine, theirs] = [found.distances[start + i], distances[at]];
        const difference = Math.abs(mine - theirs) / Math.max(1, Math.abs(theirs));
        largest = Math.max(largest, difference);
        if (found.ids[start + i] === ids[at] && difference < 1e-4) same++;
        else if (difference < 1e-4) tied++;
        else other++;
      }
    }
  }
  await index.close();
  return [same, tied, other, largest.toExponential(1)];
}
