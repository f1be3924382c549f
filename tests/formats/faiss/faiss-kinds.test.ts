// Kinds of FAISS indexes that are not served, as FAISS's factory or its classes call them.
import { expect, test } from "vitest";
import { notServed } from "#formats/faiss/faiss-kinds.js";

const SERVED =
  "Served are Flat, PQ and SQ, IVF and HNSW of those, with IDMap, a transform (OPQ, PCA, L2norm, random rotation) or a refinement around them.";

// The four letters are those of faiss/impl/index_write.cpp.
test.each([
  ["IPfs", "PQ…fs (fast scan)"],
  ["IwRQ", "IVF…,RQ"],
  ["INSf", "NSG"],
  ["IwP2", "IVF…,FlatPanorama"],
])("%s is %s", (letters, name) => {
  expect(notServed("x", letters, false).message).toBe(
    `x is a FAISS index of kind \`${letters}\`, ${name}, which is not served. ${SERVED}`,
  );
  expect(notServed("x", letters, true).message).toBe(
    `x holds, inside another, a FAISS index of kind \`${letters}\`, ${name}, which is not served there. ${SERVED}`,
  );
});

test("a kind without a name, and one of bits", () => {
  expect(notServed("x", "I\0zz", false).message).toBe(
    `x is a FAISS index of kind \`I\\u0000zz\`, which is not served. ${SERVED}`,
  );
  expect(notServed("x", "IBxF", true).message).toBe(
    "x holds, inside another, a FAISS index of bits (`IBxF`, an `IndexBinary`), which is not served: queries are vectors of float32. Build one of the float vectors.",
  );
});
