// Exact search of flat indexes: FAISS in its thread, and the scan of our own binding, which is the default if it is compiled: `node tests/bench/exact.bench.mjs`. Prints a table; nothing is asserted, since machines differ.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openIndex } from "../../dist/runtime/stores/vectors/open-index.js";
import { table } from "../../scripts/demo/terminal.mjs";

const [DIMENSION, K] = [64, 100];
const folder = mkdtempSync(join(tmpdir(), "merlon-exact-"));
const random = n => Float32Array.from({ length: n }, () => Math.random() - 0.5);

/** A flat file of inner products, as FAISS writes it. */
function writeFlat(file, vectors) {
  const head = Buffer.alloc(45);
  head.write("IxFI");
  head.writeInt32LE(DIMENSION, 4);
  head.writeBigInt64LE(BigInt(vectors.length / DIMENSION), 8);
  head.writeBigInt64LE(1n << 20n, 16);
  head.writeBigInt64LE(1n << 20n, 24);
  head.writeUInt8(1, 32);
  head.writeBigUInt64LE(BigInt(vectors.length), 37);
  writeFileSync(file, Buffer.concat([head, Buffer.from(vectors.buffer)]));
}

async function median(index, batch) {
  const times = [];
  const end = performance.now() + 1500;
  while (performance.now() < end || times.length < 5) {
    const queries = random(batch * DIMENSION);
    const began = performance.now();
    await index.search(queries, batch, K);
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}

try {
  createRequire(import.meta.url).resolve("faiss-node");
  const rows = [];
  for (const count of [1_000, 10_000, 100_000]) {
    const file = join(folder, `${count}.faiss`);
    writeFlat(file, random(count * DIMENSION));
    const [faiss, scan] = [await openIndex(file, {}, "thread"), await openIndex(file)];
    for (const batch of [1, 8, 64]) {
      const [a, b] = [await median(faiss, batch), await median(scan, batch)];
      rows.push([count, batch, a.toFixed(3), b.toFixed(3), (a / b).toFixed(1)]);
    }
    await faiss.close();
    await scan.close();
  }
  table([">vectors", ">queries", ">FAISS p50 ms", ">scan p50 ms", ">times as fast"], rows, "");
} finally {
  rmSync(folder, { recursive: true });
}
