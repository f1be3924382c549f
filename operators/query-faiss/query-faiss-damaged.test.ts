// Files and requests that FAISS would end the process on, or answer at random.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { bytesSource } from "#formats/bytes/byte-source.js";
import { readFaissHeader } from "#formats/faiss/faiss.js";
import { readFaissLayout } from "#formats/faiss/faiss-layout.js";
import "../../tests/needs/built.js";
import { column, context, grouped, run, vectors } from "../../tests/operators/step.js";

const kinds = fileURLToPath(new URL("../../tests/fixtures/faiss-kinds/1.15.1", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "merlon-damaged-"));
afterAll(() => rmSync(folder, { recursive: true }));
const bytesOf = (name: string) => Buffer.from(readFileSync(join(kinds, `${name}.faiss`)));
const layoutOf = (bytes: Buffer) => readFaissLayout(bytesSource(bytes), "x");

describe("queries whose distances float32 can not hold", () => {
  const ask = (name: string, rows: number[][], normalize = false) =>
    run(
      "queryFaiss",
      {
        params: { path: "x", topk: 3, includeDistances: true, ...(normalize && { normalize: true }) },
        inputs: { input: ["query"] },
        outputs: [
          column("candidate_ids", "int64", { rows: "s1" }),
          column("candidate_distances", "float32", { rows: "s1" }),
        ],
        artefacts: { index: `${name}.faiss` },
      },
      { input: [vectors("float32", rows, 8)] },
      context(),
      kinds,
    );
  const row = (x: number) => new Array<number>(8).fill(x);

  // By as many queries as FAISS compares by a matrix product: there it would end the process.
  test.each(["flat", "ivf-pq", "ivf-sq", "opq-ivf-pq", "idmap-ivf-pq", "hnsw-ip"])(
    "%s: refused by its row",
    async name => {
      for (const large of [3e38, 1e19])
        await expect(ask(name, [...Array.from({ length: 30 }, () => row(1)), row(large)])).rejects.toThrow(
          /column `query` holds at row 30 a vector longer than \d\.\d+e\+1\d: float32 can not hold its distances\./,
        );
      const [ids] = await ask(
        name,
        Array.from({ length: 31 }, () => row(1e17)),
      );
      expect(grouped(ids!).every(found => found.length > 0)).toBe(true);
    },
  );
});

describe("what FAISS reads without looking", () => {
  test("ids of an index inside another, beyond what that holds", () => {
    for (const name of ["idmap-ivf-pq", "refined-ivf-pq"]) {
      const bytes = bytesOf(name);
      // The lists' last byte, after which the wrapper continues.
      const at = bytes.indexOf(Buffer.from("ilar"));
      const first = at + 4 + 16 + 4 + 8 + 4 * 8;
      const size = Number(bytes.readBigUInt64LE(at + 4 + 16 + 4 + 8));
      const codes = Number(bytes.readBigUInt64LE(at + 4 + 8));
      bytes.writeBigInt64LE(300n, first + size * codes);
      expect(() => readFaissHeader(bytes, "x")).toThrow(
        "the index inside holds the id 300, and ids there are places below 300",
      );
    }
  });
  test("links of an upper level to vectors that are not there", () => {
    const bytes = bytesOf("hnsw-ip");
    const levelsAt = bytes.indexOf(Buffer.from(BigInt64Array.of(300n).buffer), 45) + 8;
    const levels = Array.from({ length: 300 }, (_, i) => bytes.readInt32LE(levelsAt + i * 4));
    const [high, low] = [levels.findIndex(level => level > 1), levels.indexOf(1)];
    const offsetsAt = levelsAt + 300 * 4 + 8;
    const offset = Number(bytes.readBigUInt64LE(offsetsAt + high * 8));
    const neighboursAt = offsetsAt + 301 * 8 + 8;
    // 16 links on the lowest level, 8 on each above.
    bytes.writeInt32LE(low, neighboursAt + (offset + 16) * 4);
    expect(() => readFaissHeader(bytes, "x")).toThrow(
      `on level 1 vector ${high} links to vector ${low}, which is not there`,
    );
  });
  test("sizes of a scalar quantizer, a centroid that is not finite, k_factor, efSearch", () => {
    const sq = bytesOf("sq");
    sq.writeInt32LE(3, 37);
    expect(() => readFaissHeader(sq, "x")).toThrow(/a scalar quantizer of 8 bytes for 8 dimensions of 4 bits/);
    sq.writeInt32LE(17, 37);
    expect(() => readFaissHeader(sq, "x")).toThrow(/a scalar quantizer of FAISS' type 17, which is not supported/);
    const ivf = bytesOf("ivf-flat");
    ivf.writeFloatLE(Number.NaN, layoutOf(ivf).centroids!.offset + 8 * 4 * 2);
    expect(() => readFaissHeader(ivf, "x")).toThrow("centroid 2 holds numbers that are not finite");
    const refined = bytesOf("refined-pq");
    refined.writeFloatLE(1e9, refined.length - 4);
    expect(() => readFaissHeader(refined, "x")).toThrow("has a k_factor of 1000000000; served are 1 to 256");
    const hnsw = bytesOf("hnsw-ip");
    hnsw.writeInt32LE(2 ** 31 - 1, layoutOf(hnsw).efSearchAt!);
    expect(() => readFaissHeader(hnsw, "x")).toThrow("efSearch is 2147483647");
  });
  test.each([
    "refined-pq",
    "refined-ivf-pq",
    "refined-hnsw",
    "idmap-ivf-pq",
    "idmap-hnsw",
    "hnsw-ip",
    "hnsw-pq",
    "hnsw-sq",
  ])("%s: parts of different metrics", name => {
    const bytes = bytesOf(name);
    const heads = headsOf(bytes);
    expect(heads.length).toBeGreaterThan(1);
    // A quantizer may have a metric of its own.
    const parts = name.startsWith("refined") ? [heads[0]!, heads[1]!, heads.at(-1)!] : [heads[0]!, heads[1]!];
    for (const at of parts) {
      const changed = Buffer.from(bytes);
      changed.writeInt32LE(1 - bytes.readInt32LE(at + METRIC), at + METRIC);
      expect(() => readFaissHeader(changed, "x"), `metric of the index at byte ${at}`).toThrow(
        /^x is not a whole FAISS index: /,
      );
    }
  });
});

/** In an index, behind letters, dimension, count, two numbers of no meaning and a flag. */
const METRIC = 4 + 4 + 8 + 16 + 1;

/** The start of each index in a file. */
const headsOf = (bytes: Buffer): number[] =>
  Array.from(bytes.toString("latin1").matchAll(/I[wxH][A-Za-z0-9]{2}/g), ({ index }) => index).filter(
    at => at + METRIC + 4 <= bytes.length && bytes.readInt32LE(at + 4) === 8 && bytes[at + METRIC - 1] === 1,
  );
