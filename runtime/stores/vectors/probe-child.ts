/** The process of probe-index.ts: opens an index, searches it as requests would, and ends. Failures go to stdout as one line. */

import { limitMemory } from "./native-index.js";
import type { ProbeRequest } from "./probe-index.js";
import { probeSearch } from "./probe-search.js";

const { memory, ...request } = JSON.parse(process.argv[2]!) as ProbeRequest;
try {
  limitMemory(memory);
  await probeSearch(request);
} catch (error) {
  process.stdout.write((error as Error).message.split("\n")[0]!);
  process.exitCode = 1;
}
// A thread of faiss-node would keep the process.
process.stdout.write("", () => process.exit());
