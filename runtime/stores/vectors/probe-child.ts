/** The process of probe-index.ts: opens an index, searches it as requests would, and ends. Failures go to stdout as one line. */

import { limitMemory } from "./native-index.js";
import { openIndex } from "./open-index.js";
import type { ProbeRequest } from "./probe-index.js";

const { path, parameters, by, memory } = JSON.parse(process.argv[2]!) as ProbeRequest;
try {
  limitMemory(memory);
  const { header, search } = await openIndex(path, parameters, by);
  const { dimension, ntotal, longestQuery } = header;
  const scale = Math.min(1, longestQuery / Math.sqrt(dimension));
  // One query, and as many as FAISS compares by a matrix product.
  for (const count of ntotal > 0 ? [1, 25] : []) {
    const queries = Float32Array.from({ length: count * dimension }, (_, i) => scale * Math.sin(i));
    await search(queries, count, Math.min(10, ntotal));
  }
} catch (error) {
  process.stdout.write((error as Error).message.split("\n")[0]!);
  process.exitCode = 1;
}
// A thread of faiss-node would keep the process.
process.stdout.write("", () => process.exit());
