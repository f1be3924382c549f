// The transforms of a FAISS file: which vectors they take and return, and by how much a query becomes longer.
import { describe, expect, test } from "vitest";
import { readFaissHeader } from "#formats/faiss/faiss.js";
import { flat, head } from "../../walls/support/faiss-file.js";
import { BODY, f32, floats, i32, NTOTAL, put32, said, u64, vector } from "./said.js";

describe("transforms", () => {
  /** Letters, body, dimensions, trained. */
  const transform = (kind: string, body: Buffer, from: number, to: number, trained = 1): Buffer =>
    Buffer.concat([Buffer.from(kind), body, i32(from, to), Buffer.of(trained)]);
  const linear = (matrix: readonly number[], bias: readonly number[] = [], biased = bias.length > 0): Buffer =>
    Buffer.concat([Buffer.of(Number(biased)), vector(...matrix), vector(...bias)]);
  const around = (dimension: number, inner: Buffer, ...all: Buffer[]): Buffer =>
    Buffer.concat([head("IxPT", dimension, Number(inner.readBigUInt64LE(NTOTAL))), i32(all.length), ...all, inner]);
  const remap = (...map: number[]) => Buffer.concat([u64(map.length), i32(...map)]);
  const inner = flat(2, floats(4));
  const read = (...of: Parameters<typeof around>) => readFaissHeader(around(...of), "x");
  const refusal = (...of: Parameters<typeof around>): string => {
    try {
      read(...of);
    } catch (error) {
      return (error as Error).message.replace("x is not a whole FAISS index: ", "").replace(/\. Write it again.*/, "");
    }
    return "read";
  };
  test("of linear kinds stretch a query by their matrix and shift it by their bias", () => {
    const matrix = [3, 0, 0, 4, 0, 0];
    for (const kind of ["rrot", "LTra"]) {
      expect(read(3, inner, transform(kind, linear(matrix), 3, 2)).longestQuery).toBeCloseTo(1e18 / 5, -5);
      const biased = read(3, inner, transform(kind, linear(matrix, [3e17, 4e17]), 3, 2));
      expect(biased.longestQuery / 1e17).toBeCloseTo(1, 5);
      expect(biased).toMatchObject({ kind: "pre-transform", dimension: 3, ntotal: 2, inner: { dimension: 2 } });
    }
    // A bias that is not used neither shifts nor must fit.
    expect(read(3, inner, transform("LTra", linear(matrix, [1e18], false), 3, 2)).longestQuery).toBeCloseTo(2e17, -5);
    expect(refusal(3, inner, transform("LTra", linear(matrix, [1], true), 3, 2))).toMatch(
      /^the transform `LTra` of 3 to 2/,
    );
    expect(refusal(3, inner, transform("LTra", linear([1, 2, 3, 4, 5]), 3, 2))).toMatch(
      /^the transform `LTra` of 3 to 2/,
    );
    expect(refusal(3, inner, transform("LTra", Buffer.concat([Buffer.of(2), linear(matrix)]), 3, 2))).toBe(
      "whether there is a bias is 2",
    );
  });
  test.each<[string, Buffer]>([
    ["PCAm", Buffer.concat([f32(0), Buffer.of(0)])],
    ["PcAm", Buffer.concat([f32(0), Buffer.of(1), i32(0)])],
    ["Pcam", Buffer.concat([f32(0), f32(0), Buffer.of(0), i32(0)])],
  ])("of the kind %s have eigenvectors before their matrix", (kind, before) => {
    const body = Buffer.concat([before, vector(1, 2), vector(3), vector(), linear([3, 0, 0, 4])]);
    expect(read(2, inner, transform(kind, body, 2, 2)).longestQuery / 1e17).toBeCloseTo(2, 5);
    const flagAt = kind === "Pcam" ? 8 : 4;
    body.writeUInt8(2, flagAt);
    expect(refusal(2, inner, transform(kind, body, 2, 2))).toBe("whether it is rotated is 2");
  });
  test("that take dimensions take each of those that there are, or none", () => {
    expect(read(3, inner, transform("RmDT", remap(2, -1), 3, 2)).longestQuery / 1e18).toBeCloseTo(Math.SQRT1_2, 5);
    expect(read(3, inner, transform("RmDT", remap(0, 0), 3, 2)).dimension).toBe(3);
    for (const map of [[0, 3], [3, 0], [-2, 0], [0], [0, 1, 2]])
      expect([map, refusal(3, inner, transform("RmDT", remap(...map), 3, 2))]).toEqual([
        map,
        "the transform `RmDT` of 3 to 2 dimensions meets vectors of 3",
      ]);
  });
  test("to length 1 keep the dimension, and are of norm 2", () => {
    expect(read(2, inner, transform("VNrm", f32(2), 2, 2)).longestQuery).toBe(1e18);
    expect(refusal(3, inner, transform("VNrm", f32(2), 3, 2))).toMatch(/^the transform `VNrm` of 3 to 2/);
    expect(refusal(2, inner, transform("VNrm", f32(1), 2, 2))).toBe(
      "x brings vectors to length 1 by norm 1; served is norm 2.",
    );
  });
  test("to the center shift a query by the mean", () => {
    expect(read(2, inner, transform("VCnt", vector(3e17, 4e17), 2, 2)).longestQuery / 1e17).toBeCloseTo(5, 5);
    expect(read(2, inner, transform("VCnt", vector(3e18, 4e18), 2, 2)).longestQuery).toBe(0);
    expect(refusal(2, inner, transform("VCnt", vector(1), 2, 2))).toMatch(/^the transform `VCnt` of 2 to 2/);
    expect(refusal(3, inner, transform("VCnt", vector(1, 1, 1), 3, 2))).toMatch(/^the transform `VCnt` of 3 to 2/);
  });
  test("of other kinds, and such that are not trained, are refused by name", () => {
    expect(refusal(2, inner, transform("ITQt", Buffer.alloc(0), 2, 2))).toBe(
      "x has a transform of kind `ITQt`, which is not served. Served are OPQ, PCA, random rotations, L2norm, centring and padding.",
    );
    expect(refusal(2, inner, transform("VNrm", f32(2), 2, 2, 0))).toBe(
      "x has a transform that was never trained. Train the index first.",
    );
    expect(refusal(2, inner, transform("VNrm", f32(2), 2, 2, 3))).toBe("whether a transform is trained is 3");
  });
  test("follow each other: each meets what the one before returns, and the last what is inside", () => {
    const [half, shift] = [transform("RmDT", remap(0, 1), 3, 2), transform("VCnt", vector(3e17, 4e17), 2, 2)];
    // A vector of length n becomes √2 n long, then is shifted by 5e17.
    expect(read(3, inner, half, shift).longestQuery / 1e17).toBeCloseTo(5 / Math.SQRT2, 5);
    const double = transform("LTra", linear([2, 0, 0, 2]), 2, 2);
    // Twice the shift is as long as the longest query: none is left, where a matrix counts as √8.
    expect(read(2, inner, shift, double).longestQuery).toBe(0);
    const tiny = transform("VCnt", vector(3e16, 4e16), 2, 2);
    expect(read(2, inner, tiny, double).longestQuery / 1e17).toBeCloseTo((10 - 0.5 * Math.sqrt(8)) / Math.sqrt(8), 5);
    expect(refusal(3, inner, shift, half)).toBe("the transform `VCnt` of 2 to 2 dimensions meets vectors of 3");
    expect(refusal(2, flat(3, floats(6)), shift)).toBe(
      "the transforms return vectors of 2 dimensions, and the index inside holds 2 of 3",
    );
    expect(read(2, inner)).toMatchObject({ kind: "pre-transform", longestQuery: 1e18 });
    expect(refusal(2, inner, ...new Array<Buffer>(16).fill(transform("VNrm", f32(2), 2, 2)))).toBe("read");
    expect(refusal(2, inner, ...new Array<Buffer>(17).fill(transform("VNrm", f32(2), 2, 2)))).toBe("17 transforms");
    expect(said(around(2, inner), put32(BODY, -1))).toBe("-1 transforms");
    expect(refusal(2, inner, transform("LTra", linear([Number.NaN, 0, 0, 1]), 2, 2))).toBe(
      "a transform holds numbers that are not finite",
    );
    expect(refusal(2, inner, transform("VCnt", vector(Number.POSITIVE_INFINITY, 0), 2, 2))).toBe(
      "a transform holds numbers that are not finite",
    );
  });
});
