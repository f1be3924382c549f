import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { loadIndex } from "#runtime/stores/vectors/thread.js";
import { column, context, grouped, prepare, run, vectors } from "../../tests/operators/step.js";

const folder = fileURLToPath(new URL("../../tests/fixtures/faiss", import.meta.url));
const answers = JSON.parse(readFileSync(join(folder, "answers.json"), "utf8")) as {
  queries: number[];
  indexes: Record<string, { ids: string[][]; distances: number[][]; ntotal: number }>;
};
const queries = Array.from({ length: 5 }, (_, i) => answers.queries.slice(i * 4, i * 4 + 4));
const served = Object.keys(answers.indexes);
const broken = mkdtempSync(join(tmpdir(), "merlon-faiss-"));
afterAll(() => rmSync(broken, { recursive: true }));

const step = (index: string, topk: number, includeDistances = true) => ({
  params: { path: index, topk, includeDistances },
  inputs: { input: ["query"] },
  outputs: [
    column("candidate_ids", "int64", { rows: "s1" }),
    ...(includeDistances ? [column("candidate_distances", "float32", { rows: "s1" })] : []),
  ],
  artefacts: { index },
});

describe("queryFaiss answers what FAISS answers", () => {
  test.each(served)("%s: five queries in one call", async name => {
    const [ids, distances] = await run(
      "queryFaiss",
      step(`${name}.faiss`, 8),
      { input: [vectors("float32", queries, 4)] },
      context(),
      folder,
    );
    expect(grouped(ids!).map(row => row.map(String))).toEqual(answers.indexes[name]!.ids);
    const close = answers.indexes[name]!.distances.map(row => row.map(d => expect.closeTo(d, 4) as number));
    expect(grouped(distances!)).toEqual(close);
  });
});

describe("faults", () => {
  test.each([
    [Number.NaN, false],
    [Number.NaN, true],
    [Number.POSITIVE_INFINITY, false],
    [Number.POSITIVE_INFINITY, true],
    [Number.NEGATIVE_INFINITY, true],
  ])("a query with %d names row and place (normalize: %s)", async (odd, normalize) => {
    const bad = [queries[0]!, [1, 2, odd, 4]];
    const of = step("flat-ip.faiss", 3);
    const searched = run(
      "queryFaiss",
      { ...of, params: { ...of.params, ...(normalize && { normalize: true as const }) } },
      { input: [vectors("float32", bad, 4)] },
      context(),
      folder,
    );
    await expect(searched).rejects.toThrow(
      `column \`query\` holds ${odd} at row 1, place 2: no query can be made of it.`,
    );
  });
  test("missing, truncated and garbage files are load errors, and the thread lives on", async () => {
    writeFileSync(join(broken, "cut.faiss"), readFileSync(join(folder, "ivf-ip.faiss")).subarray(0, 900));
    writeFileSync(join(broken, "garbage.faiss"), Buffer.alloc(5000, 0xfe));
    await expect(prepare("queryFaiss", step("cut.faiss", 3), broken)).rejects.toThrow(
      /cut\.faiss is not a whole FAISS index: .* takes \d+ bytes and only \d+ follow/,
    );
    await expect(prepare("queryFaiss", step("garbage.faiss", 3), broken)).rejects.toThrow(
      /garbage\.faiss is not a whole FAISS index/,
    );
    await expect(prepare("queryFaiss", step("none.faiss", 3), broken)).rejects.toThrow(/ENOENT.*none\.faiss/);
    const cut = join(broken, "cut.faiss");
    await expect(loadIndex(cut)).rejects.toMatchObject({
      code: "INTERNAL",
      message: expect.stringMatching(
        /^[^\n]*cut\.faiss is not a whole FAISS index: [^\n]*only \d+ follow[^\n]*$/,
      ) as string,
    });
    await expect(loadIndex(cut)).rejects.not.toThrow("Start the server again");
    expect(await loadIndex(join(folder, "hnsw-l2.faiss"))).toMatchObject({ dimension: 4, ntotal: 60, metric: "l2" });
  });
});
