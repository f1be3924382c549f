/** The notes of `merlon stamp --index`: the metric of an index, and some of its items. */
import { readNamed } from "../contract/files/file-fault.js";
import { currentBase } from "../formats/delta/delta-base.js";
import { readFaissHeaderFile } from "../formats/faiss/faiss.js";
import { floatsOf, type IndexSample, sampleIndex } from "../formats/faiss/index-sample.js";
import type { Similarity } from "../formats/onnx/onnx.js";

/** An index of a kind that keeps no whole vectors has no sample. @throws Error naming the index */
export function indexNotes(index: string): { readonly similarity: Similarity; readonly sample: IndexSample } {
  const file = currentBase(index);
  const { metric } = readNamed("the index", file, readFaissHeaderFile);
  const sample = sampleIndex(file) ?? [];
  const isUnit = sample.length > 0 && sample.every(({ vector }) => Math.abs(lengthOf(floatsOf(vector)) - 1) < 1e-4);
  return { similarity: metric === "ip" && isUnit ? "cosine" : metric, sample };
}

const lengthOf = (vector: Float32Array): number => Math.hypot(...vector);
