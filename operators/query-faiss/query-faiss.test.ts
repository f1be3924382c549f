import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { rootRows } from "#runtime/base/columns/table.js";
import { loadIndex } from "#runtime/stores/vectors/thread.js";
import { column, context, grouped, lists, prepare, run, scalars, vectors } from "../../tests/operators/step.js";

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

  test("a batch answers what its rows answer one by one", async () => {
    const kernel = await prepare("queryFaiss", step("ivf-l2.faiss", 8, false), folder);
    const [all] = await kernel.run({ input: [vectors("float32", queries, 4)] }, context());
    const single = await Promise.all(
      queries.map(async q => grouped((await kernel.run({ input: [vectors("float32", [q], 4)] }, context()))[0]!)[0]),
    );
    expect(grouped(all!)).toEqual(single);
    await kernel.close?.();
  });

  test("a closed step looks at its delta no more", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const kernel = await prepare("queryFaiss", step("flat-ip.faiss", 3), folder);
    expect(vi.getTimerCount()).toBe(1);
    await kernel.close?.();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("k beyond the index, no rows", async () => {
    const [ids] = await run(
      "queryFaiss",
      step("flat-ip.faiss", 1000, false),
      { input: [vectors("float32", queries.slice(0, 1), 4)] },
      context(),
      folder,
    );
    expect(new Set(grouped(ids!)[0]).size).toBe(60);
    const [none, distances] = await run(
      "queryFaiss",
      step("flat-ip.faiss", 3),
      { input: [vectors("float32", [], 4)] },
      context(),
      folder,
    );
    expect([none!.rows.count, distances!.rows.count, none!.rows.parent?.count]).toEqual([0, 0, 0]);
  });
});

describe("faults", () => {
  const fault = (input: Parameters<typeof run>[2]) =>
    run("queryFaiss", step("flat-ip.faiss", 3), input, context(), folder);
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
  test("another dimension, another dtype", async () => {
    await expect(fault({ input: [vectors("float32", [[1, 2]], 2)] })).rejects.toThrow(
      "column `query` holds float32[2] and the index float32[4].",
    );
    await expect(fault({ input: [vectors("float64", [[1, 2, 3, 4]], 4)] })).rejects.toThrow(
      "column `query` holds float64[4] and the index float32[4].",
    );
    await expect(fault({ input: [lists("float32", [[1, 2, 3, 4]])] })).rejects.toThrow(
      "column `query` holds lists of float32 and the index float32[4].",
    );
    await expect(fault({ input: [scalars("float64", [1])] })).rejects.toThrow(
      "column `query` holds float64[1] and the index float32[4].",
    );
  });
  test("fewer numbers than rows", async () => {
    const query = { ...vectors("float32", [[1, 2, 3, 4]], 4), rows: rootRows(2) };
    await expect(fault({ input: [query] })).rejects.toThrow("column `query` holds 4 numbers for 2 rows of 4.");
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
