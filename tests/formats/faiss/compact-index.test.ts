// Labels that FAISS gave, in the place of which ids are written.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bareIndex, withLabels } from "#formats/faiss/compact-index.js";
import { readFaissHeader } from "#formats/faiss/faiss.js";
import { printFlat } from "#formats/faiss/print-flat.js";

const FIXTURES = join(import.meta.dirname, "../../fixtures/faiss");

test.each(["flat-ip", "flat-l2"])("%s: a flat index is printed as FAISS writes it", name => {
  const file = join(FIXTURES, `${name}.faiss`);
  const { bytes, header, vectorRuns } = bareIndex(file);
  const [{ offset, count }] = vectorRuns as [{ offset: number; count: number }];
  const vectors = new Float32Array(Uint8Array.from(bytes.subarray(offset)).buffer);
  expect(vectors).toHaveLength(count * header.dimension);
  expect(Buffer.from(printFlat(vectors, header.dimension, header.metric)).equals(readFileSync(file))).toBe(true);
});

test.each(["flat-ip", "ivf-l2"])("%s: ids are as many as the vectors", name => {
  const { bytes, header } = bareIndex(join(FIXTURES, `${name}.faiss`));
  const { ntotal } = header;
  const labels = Uint32Array.from({ length: ntotal }, (_, i) => i);
  const ids = BigInt64Array.from(labels, label => 1000n + BigInt(label));
  expect(readFaissHeader(withLabels(bytes, labels, ids), "x")).toMatchObject({ ntotal, ids: "stored" });
  for (const some of [labels.subarray(1), Uint32Array.of(...labels, ntotal)])
    expect(() => withLabels(bytes, some, ids)).toThrow(`${some.length} labels for ${ntotal} vectors`);
});
