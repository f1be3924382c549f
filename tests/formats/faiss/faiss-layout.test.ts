// FAISS files field by field: one number that is too large or too small for each rule, and the facts that a search needs.
import { describe, expect, test } from "vitest";
import { checkTables, readFaissHeader, readFaissLists, readFaissVectors } from "#formats/faiss/faiss.js";
import { flat, full, head, hnsw, idMap, ivfFlat, ivfPq, pairs, pq, refined } from "../../walls/support/faiss-file.js";
import {
  BODY,
  DIMENSION,
  f32,
  floats,
  i32,
  layout,
  METRIC,
  NTOTAL,
  put8,
  put32,
  put64,
  said,
  TRAINED,
  u64,
  vector,
} from "./said.js";

describe("the head", () => {
  const index = flat(2, floats(6));
  test("is read", () => {
    expect(layout(index)).toMatchObject({
      header: { kind: "flat", dimension: 2, ntotal: 3, metric: "l2", longestQuery: 1e18, ids: "positions" },
      ...{ idRuns: [], vectorRuns: [{ offset: BODY + 8, count: 3 }], tables: 0, scratch: 0, end: index.length },
      room: 64 * 2 ** 20 + 16 * index.length,
    });
    const product = Buffer.from(index);
    product.writeInt32LE(0, METRIC);
    expect(readFaissHeader(product).metric).toBe("ip");
  });
  test.each<[string, (copy: Buffer) => unknown, string]>([
    ["dimension", put32(DIMENSION, 0), "the dimension is 0"],
    ["dimension", put32(DIMENSION, 65_537), "the dimension is 65537"],
    ["dimension", put32(DIMENSION, 3), "the vectors are 6 where 9 belong"],
    ["count", put64(NTOTAL, 2), "the vectors are 6 where 4 belong"],
    ["count", put64(NTOTAL, 2n ** 53n), "byte 8 holds the count 9007199254740992"],
    ["training", put8(TRAINED, 0), "x holds an index that was never trained. Train it and add vectors first."],
    ["training", put8(TRAINED, 2), "x holds an index that was never trained. Train it and add vectors first."],
    ["metric", put32(METRIC, 2), "x uses FAISS metric 2; served are inner product (0) and L2 (1)."],
    ["vectors", put64(BODY, 2n ** 50n), "the vectors are 1125899906842624 where 6 belong"],
  ])("with another %s is refused (%#)", (_, change, message) => {
    expect(said(index, change)).toBe(message);
  });
  test("of more vectors than follow, and bytes behind the index, are refused", () => {
    expect(() => readFaissHeader(index.subarray(0, -1), "x")).toThrow(
      `vectors at byte ${BODY + 8} takes 24 bytes and only 23 follow`,
    );
    expect(() => readFaissHeader(Buffer.concat([index, Buffer.alloc(1)]), "x")).toThrow("1 bytes follow the index");
    expect(() => readFaissHeader(Buffer.from("<fi>"), "x")).toThrow('it begins with "<fi>"');
    expect(() => readFaissHeader(Buffer.concat([index]).fill("IwRQ", 0, 4), "x")).toThrow(
      /^x is a FAISS index of kind `IwRQ`, IVF…,RQ, which is not served\. Served are Flat, PQ/,
    );
  });
});

describe("quantizers", () => {
  const QUANTIZER = BODY;
  const product = pq(4, 2, 4, 3);
  test("of products cost a table a query", () => {
    expect(layout(product)).toMatchObject({
      header: { kind: "pq", codeSize: 1, ids: "positions" },
      ...{ scratch: 2 * 2 ** 4 * 4, tables: 0, vectorRuns: [] },
    });
    expect(readFaissHeader(pq(6, 3, 5, 2)).codeSize).toBe(2);
    expect(readFaissHeader(pq(1, 1, 16, 1)).codeSize).toBe(2);
  });
  const wrong = (parts: number, bits: number, d = 4) =>
    `a product quantizer of ${parts} parts of ${bits} bits (1 to 16 are supported) for ${d} dimensions`;
  test.each<[string, (copy: Buffer) => unknown, string]>([
    ["dimension", put64(QUANTIZER, 5), wrong(2, 4, 5)],
    ["parts", put64(QUANTIZER + 8, 3), wrong(3, 4)],
    ["parts", put64(QUANTIZER + 8, 0), wrong(0, 4)],
    ["bits", put64(QUANTIZER + 16, 0), wrong(2, 0)],
    ["bits", put64(QUANTIZER + 16, 17), wrong(2, 17)],
    ["bits", put64(QUANTIZER + 16, 3), "the centroids of the product quantizer are 64 where 32 belong"],
    [
      "search",
      put32(product.length - 9, 1),
      "x needs FAISS' polysemous or symmetric search (1) of a product quantizer, which is not supported. Write it with `search_type = ST_PQ`.",
    ],
    ["sign", put8(product.length - 5, 2), "whether signs are encoded is 2"],
  ])("with another %s are refused (%#)", (_, change, message) => {
    expect(said(product, change)).toBe(message);
  });
  const scalar = (type: number, learnt: number, codeSize: number, dimension = 4) =>
    Buffer.concat([
      ...[head("IxSQ", dimension, 2), i32(type), Buffer.alloc(8), u64(dimension), u64(codeSize)],
      ...[vector(...floats(learnt)), u64(2 * codeSize), Buffer.alloc(2 * codeSize)],
    ]);
  test.each([
    [0, 8, 4],
    [1, 8, 2],
    [2, 2, 4],
    [3, 2, 2],
    [4, 0, 8],
    [5, 0, 4],
    [6, 8, 3],
    [7, 0, 8],
    [8, 0, 4],
  ])("of scalars, FAISS' type %i: %i fitted numbers, %i bytes a vector", (type, learnt, codeSize) => {
    const index = scalar(type, learnt, codeSize);
    expect(readFaissHeader(index)).toMatchObject({ kind: "sq", codeSize, ids: "positions", ntotal: 2 });
    const size = `a scalar quantizer of ${codeSize + 1} bytes for 4 dimensions of ${[8, 4, 8, 4, 16, 8, 6, 16, 8][type]} bits`;
    expect(said(index, put64(BODY + 20, codeSize + 1))).toBe(size);
    expect(said(index, put64(BODY + 12, 5))).toMatch(/^a scalar quantizer of \d bytes for 5 dimensions/);
    expect(said(index, put64(BODY + 28, learnt + 1))).toBe(
      `the ranges of the scalar quantizer are ${learnt + 1} where ${learnt} belong`,
    );
  });
  test("of scalars of 6 bits round up, and of another type are refused", () => {
    expect(readFaissHeader(scalar(6, 6, 3, 3)).codeSize).toBe(3);
    expect(said(scalar(0, 8, 4), put32(BODY, 9))).toBe(
      "x has a scalar quantizer of FAISS' type 9, which is not supported. Use SQ8, SQ6, SQ4, SQfp16 or SQbf16.",
    );
    expect(said(scalar(0, 8, 4), put32(BODY, -1))).toMatch(/FAISS' type -1/);
  });
});

describe("inverted lists", () => {
  const centroids = flat(1, Float32Array.of(0, 4));
  const content = (ids: readonly number[]): Buffer =>
    Buffer.concat([...[f32(0, 1), ...ids.slice(0, 2).map(u64)], ...[f32(4, 5, 6), ...ids.slice(2).map(u64)]]);
  const index = ivfFlat(5, centroids, 2, { sizes: full(2, 3), content: content([10, 11, 12, 13, 14]) });
  const at = { nlist: BODY, nprobe: BODY + 8, inner: BODY + 16 };
  const after = at.inner + centroids.length;
  const lists = after + 9;
  test("are read with the places of their vectors and ids", () => {
    const first = index.length - content([0, 0, 0, 0, 0]).length;
    expect(layout(index)).toMatchObject({
      header: { kind: "ivf-flat", nlist: 2, nprobe: 2, ids: "stored", ntotal: 5 },
      idRuns: [
        { offset: first + 8, count: 2, list: 0 },
        { offset: first + 24 + 12, count: 3, list: 1 },
      ],
      vectorRuns: [
        { offset: first, count: 2 },
        { offset: first + 24, count: 3 },
      ],
      centroids: { offset: at.inner + BODY + 8, count: 2, metric: "l2" },
      ...{ nprobeAt: at.nprobe, tables: 0, scratch: 0 },
      room: 64 * 2 ** 20 + 16 * index.length - 2 * 160,
    });
    expect(readFaissLists(index)).toEqual({
      metric: "l2",
      centroids: Float32Array.of(0, 4),
      lists: [
        { ids: BigInt64Array.of(10n, 11n), vectors: Float32Array.of(0, 1) },
        { ids: BigInt64Array.of(12n, 13n, 14n), vectors: Float32Array.of(4, 5, 6) },
      ],
    });
    expect(readFaissVectors(index)).toEqual({
      vectors: Float32Array.of(0, 1, 4, 5, 6),
      ids: BigInt64Array.of(10n, 11n, 12n, 13n, 14n),
    });
  });
  test("may be empty, in both forms of their sizes", () => {
    const one = Buffer.concat([f32(7), u64(3)]);
    for (const sizes of [full(0, 1), pairs(1, 1), pairs(0, 0, 1, 1)]) {
      const read = readFaissLists(ivfFlat(1, centroids, 2, { sizes, content: one }))!;
      expect(read.lists.map(({ ids }) => [...ids])).toEqual([[], [3n]]);
    }
  });
  test.each<[string, readonly ((copy: Buffer) => unknown)[], string]>([
    ["nprobe", [put64(at.nprobe, 0)], "nprobe is 0: a search would visit nothing"],
    ["number of lists", [put64(at.nlist, 3)], "the quantizer has 2 centroids of 1 dimensions for 3 lists"],
    ["direct map", [put8(after, 3)], "a direct map of type 3"],
    ["direct map", [put64(after + 1, 1)], "the entries of the direct map are 1 where 0 belong"],
    ["direct map", [put8(after, 1)], "the entries of the direct map are 0 where 5 belong"],
    [
      "kind of lists",
      [copy => copy.write("ilod", lists)],
      "x keeps its inverted lists as `ilod`; served are lists inside the file (`ilar`).",
    ],
    ["number of lists inside", [put64(lists + 4, 3)], "3 lists of 4 bytes a vector where 2 of 4 belong"],
    ["size of codes", [put64(lists + 12, 8)], "2 lists of 8 bytes a vector where 2 of 4 belong"],
    ["form of sizes", [copy => copy.write("half", lists + 20)], 'list sizes begin with "half" and 2'],
    ["number of sizes", [put64(lists + 24, 1)], "1 list sizes for 2 lists"],
    ["size of a list", [put64(lists + 32, 1), put64(lists + 40, 3)], "1"],
    ["total", [put64(NTOTAL, 6)], "the lists hold 5 vectors and the header says 6"],
    [
      "centroid",
      [copy => copy.writeFloatLE(Number.NaN, at.inner + BODY + 12)],
      "centroid 1 holds numbers that are not finite, or too large",
    ],
    [
      "centroid",
      [copy => copy.writeFloatLE(1.1e18, at.inner + BODY + 8)],
      "centroid 0 holds numbers that are not finite, or too large",
    ],
    [
      "quantizer",
      [copy => copy.write("IxMp", at.inner)],
      "an index of kind `IxMp` is inside another, where IxFI, IxF2, IxFl, IxPq, IxSQ, IHNf, IHNp, IHNs can be",
    ],
    [
      "quantizer",
      [copy => copy.write("IwRQ", at.inner)],
      "x holds, inside another, a FAISS index of kind `IwRQ`, IVF…,RQ, which is not served there. Served are Flat, PQ and SQ, IVF and HNSW of those, with IDMap, a transform (OPQ, PCA, L2norm, random rotation) or a refinement around them.",
    ],
    [
      "quantizer",
      [copy => copy.write("\0\x01?!", at.inner, "latin1")],
      "x holds, inside another, a FAISS index of kind `\\u0000\\u0001?!`, which is not served there. Served are Flat, PQ and SQ, IVF and HNSW of those, with IDMap, a transform (OPQ, PCA, L2norm, random rotation) or a refinement around them.",
    ],
  ])("with another %s are refused (%#)", (what, changes, message) => {
    if (what === "size of a list") expect(said(index, ...changes)).not.toBe("read");
    else expect(said(index, ...changes)).toBe(message);
  });
  test("with a direct map of both kinds; a table of it costs memory", () => {
    const without = [index.subarray(0, after), index.subarray(after + 9)];
    const array = Buffer.concat([without[0]!, Buffer.of(1), u64(5), Buffer.alloc(40), without[1]!]);
    expect(layout(array).room).toBe(64 * 2 ** 20 + 16 * array.length - 2 * 160);
    const table = Buffer.concat([...[without[0]!, Buffer.of(2), u64(0), u64(3), Buffer.alloc(48), without[1]!]]);
    expect(layout(table).room).toBe(64 * 2 ** 20 + 16 * table.length - 2 * 160 - 3 * 64);
  });
  test("of a product quantizer may have tables, unless these are larger than FAISS makes them", () => {
    const list = { sizes: pairs(1, 1), content: Buffer.alloc(1 + 8) };
    const small = ivfPq(1, flat(2, floats(4)), 2, 1, 8, list);
    expect(layout(small)).toMatchObject({ header: { kind: "ivf-pq", codeSize: 1, nprobe: 1 }, tables: 2 * 256 * 4 });
    expect(readFaissLists(small)).toBeUndefined();
    const residual = at.inner + flat(2, floats(4)).length + 9;
    const turned = Buffer.from(small);
    turned.writeUInt8(0, residual);
    expect(layout(turned).tables).toBe(0);
    expect(said(small, put8(residual, 2))).toBe("whether residuals are encoded is 2");
    expect(said(small, put64(residual + 1, 2))).toBe("codes of 2 bytes and a quantizer of 1");
    checkTables({ tables: 5, room: 5 }, "x");
    expect(() => checkTables({ tables: 6 * 2 ** 20, room: 5 * 2 ** 20 }, "x")).toThrow(
      "x takes 6.0 MiB of memory for tables that speed searches up. An index of its size may take 5.0 MiB (16 times the file and 64 MiB).",
    );
    expect(() => checkTables({ tables: 2 ** 30, room: 2 ** 30 - 1 }, "x")).toThrow("x takes 1024 MiB of memory for");
  });
});

describe("indexes around others", () => {
  const inner = flat(1, floats(3));
  test("give ids of their own", () => {
    const index = idMap(inner, [7n, -1n, 2n ** 60n]);
    expect(layout(index)).toMatchObject({
      header: { kind: "id-map", ids: "stored", inner: { kind: "flat" } },
      idRuns: [{ offset: index.length - 24, count: 3 }],
      vectorRuns: [{ offset: BODY + BODY + 8, count: 3 }],
    });
    expect(readFaissVectors(index)).toEqual({ vectors: floats(3), ids: BigInt64Array.of(7n, -1n, 2n ** 60n) });
    expect(said(index, put64(NTOTAL, 2))).toBe("an id map of 2 vectors holds an index of 3");
    expect(said(index, put64(index.length - 32, 2))).toBe("2 ids for 3 vectors");
    expect(said(index, put32(METRIC, 0))).toBe("an id map of 3 vectors holds an index of 3");
    const two = Buffer.from(index);
    two.write("IxM2");
    expect(layout(two).room).toBe(layout(index).room - 3 * 64);
    expect(() => readFaissHeader(idMap(index, [0n, 1n, 2n]), "x")).toThrow(/is inside another|holds, inside another/);
  });
  test("whose ids are positions inside are those below the count", () => {
    const centroids = flat(1, Float32Array.of(0));
    const list = (id: number) =>
      idMap(ivfFlat(1, centroids, 1, { sizes: full(1), content: Buffer.concat([f32(1), u64(id)]) }), [5n]);
    expect(readFaissHeader(list(0)).ntotal).toBe(1);
    expect(() => readFaissHeader(list(1), "x")).toThrow(
      "the index inside holds the id 1, and ids there are places below 1",
    );
  });
  test("compare again with better vectors", () => {
    const index = refined(inner, inner, 2.5);
    expect(readFaissHeader(index)).toMatchObject({
      kind: "refine",
      kFactor: 2.5,
      ids: "positions",
      inner: { kind: "flat" },
    });
    expect(said(index, copy => copy.writeFloatLE(256, index.length - 4))).toBe("read");
    for (const factor of [0.9, 257, Number.NaN])
      expect(said(index, copy => copy.writeFloatLE(factor, index.length - 4))).toBe(
        `x has a k_factor of ${Math.fround(factor)}; served are 1 to 256. Set \`k_factor\` and write it again.`,
      );
    const other = "3 vectors of 1 dimensions in one of its two indexes, where 3 of 1 belong";
    expect(said(index, put32(BODY + METRIC, 0))).toBe(other);
    expect(said(index, put32(BODY + inner.length + METRIC, 0))).toBe(other);
    expect(() => readFaissHeader(refined(inner, flat(1, floats(2)), 1), "x")).toThrow(
      "2 vectors of 1 dimensions in one of its two indexes, where 3 of 1 belong",
    );
    expect(() => readFaissHeader(refined(inner, hnsw("IHNf", 3, inner), 1), "x")).toThrow(
      "an index of kind `IHNf` is inside another, where IxFI, IxF2, IxFl, IxPq, IxSQ can be",
    );
  });
});
