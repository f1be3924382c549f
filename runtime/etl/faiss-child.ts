/**
 * Run as a process of its own: raw float32 vectors → an index file as FAISS writes it, ids being positions. FAISS ends the process on
 * some faults, which must not be the caller's process. Arguments, as JSON: see `FaissJob`.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import { writeConstruction } from "../../formats/faiss/faiss.js";

export interface FaissJob {
  readonly vectors: string;
  readonly count: number;
  readonly dimension: number;
  readonly factory: string;
  readonly metric: "ip" | "l2";
  /** How many vectors to train on; 0 for an index that needs none. */
  readonly train: number;
  /** HNSW: candidates that an insertion keeps; FAISS' own default is 40. */
  readonly efConstruction?: number;
  readonly out: string;
}

interface FaissIndex {
  train(x: number[]): void;
  add(x: number[]): void;
  write(file: string): void;
  toBuffer(): Buffer;
}
interface Faiss {
  readonly Index: {
    fromFactory(dimension: number, descriptor: string, metric: number): FaissIndex;
    fromBuffer(bytes: Buffer): FaissIndex;
  };
}

const BATCH = 4096;

function main(job: FaissJob): void {
  const { Index } = createRequire(import.meta.url)("faiss-node") as Faiss;
  let index = Index.fromFactory(job.dimension, job.factory, job.metric === "ip" ? 0 : 1);
  const file = openSync(job.vectors, "r");
  const read = (start: number, count: number): number[] => {
    const floats = new Float32Array(count * job.dimension);
    readSync(file, floats, 0, floats.byteLength, start * job.dimension * 4);
    return Array.from(floats);
  };
  if (job.train > 0) {
    const sample: number[] = [];
    // Evenly spread, so that sorted data does not train on one end of it.
    for (let i = 0; i < job.train; i++)
      for (const x of read(Math.floor((i * job.count) / job.train), 1)) sample.push(x);
    index.train(sample);
  }
  if (job.efConstruction !== undefined) {
    // The binding has no way to set it, and an index that has not been trained is not read.
    const empty = index.toBuffer();
    writeConstruction(empty, job.efConstruction);
    index = Index.fromBuffer(empty);
  }
  for (let start = 0; start < job.count; start += BATCH) {
    index.add(read(start, Math.min(BATCH, job.count - start)));
    process.send?.(Math.min(start + BATCH, job.count));
  }
  closeSync(file);
  index.write(job.out);
}

main(JSON.parse(process.argv[2]!) as FaissJob);
process.disconnect?.();
