/**
 * Adds vectors to an index whose ids are positions, and removes others. It is a process of its own because
 * FAISS ends the process on some faults. Its argument is a `CompactJob` as JSON.
 */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { createRequire } from "node:module";

export interface CompactJob {
  /** The index without its id map; its labels are positions. */
  readonly index: string;
  /** Raw float32. */
  readonly vectors: string;
  readonly count: number;
  readonly dimension: number;
  /** Raw uint32: positions to remove. */
  readonly dead: string;
  readonly out: string;
}

interface FaissIndex {
  add(x: number[]): void;
  removeIds(ids: number[]): number;
  ntotal(): number;
  write(file: string): void;
}
interface Faiss {
  readonly Index: { read(file: string): FaissIndex };
}

const BATCH = 4096;

function main(job: CompactJob): void {
  const { Index } = createRequire(import.meta.url)("faiss-node") as Faiss;
  const index = Index.read(job.index);
  const before = index.ntotal();
  const file = openSync(job.vectors, "r");
  for (let start = 0; start < job.count; start += BATCH) {
    const floats = new Float32Array(Math.min(BATCH, job.count - start) * job.dimension);
    readSync(file, floats, 0, floats.byteLength, start * job.dimension * 4);
    index.add(Array.from(floats));
  }
  closeSync(file);
  const dead = new Uint32Array(Uint8Array.from(readFileSync(job.dead)).buffer);
  const removed = dead.length > 0 ? index.removeIds(Array.from(dead)) : 0;
  if (index.ntotal() !== before + job.count - dead.length)
    throw new Error(`FAISS removed ${removed} of ${dead.length} vectors`);
  index.write(job.out);
}

main(JSON.parse(process.argv[2]!) as CompactJob);
process.disconnect?.();
