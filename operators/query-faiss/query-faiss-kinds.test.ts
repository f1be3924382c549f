// Files of every supported kind, by faiss 1.7.3 and 1.15.1, give the results of their own FAISS, with the file's parameters and with
// others. Excluded ids are searched past.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { bytesSource } from "#formats/bytes/byte-source.js";
import { readFaissHeader } from "#formats/faiss/faiss.js";
import { readFaissLayout } from "#formats/faiss/faiss-layout.js";
import "../../tests/needs/built.js";
import { column, context, grouped, lists, prepare, run, scalars, vectors } from "../../tests/operators/step.js";

const root = fileURLToPath(new URL("../../tests/fixtures/faiss-kinds", import.meta.url));
interface Answers {
  readonly queries: number[];
  readonly indexes: Record<
    string,
    {
      metric: "ip" | "l2";
      asked: { parameters: { nprobe?: number; efSearch?: number }; ids: number[][]; distances: number[][] }[];
    }
  >;
}
const versions = readdirSync(root);
const answersOf = (version: string) => JSON.parse(readFileSync(join(root, version, "answers.json"), "utf8")) as Answers;
const rowsOf = ({ queries }: Answers) =>
  Array.from({ length: queries.length / 8 }, (_, i) => queries.slice(i * 8, i * 8 + 8));

const step = (index: string, params: Record<string, unknown> = {}, exclude = false) => ({
  params: { path: index, topk: 10, includeDistances: true, ...params },
  inputs: { input: ["query"], ...(exclude && { exclude: ["seen"] }) },
  outputs: [column("candidate_ids", "int64", { rows: "s1" }), column("candidate_distances", "float32", { rows: "s1" })],
  artefacts: { index },
});

const cases = versions.flatMap(version =>
  Object.entries(answersOf(version).indexes).flatMap(([name, { asked }]) =>
    asked.map(answer => [version, name, JSON.stringify(answer.parameters), answer] as const),
  ),
);

test.each(cases)("faiss %s, %s, %s", async (version, name, _, { parameters, ids, distances }) => {
  const queries = vectors("float32", rowsOf(answersOf(version)), 8);
  const [found, scores] = await run(
    "queryFaiss",
    step(`${name}.faiss`, parameters),
    { input: [queries] },
    context(),
    join(root, version),
  );
  // Distances of quantized vectors tie, so only ids with a unique distance are compared.
  const seen = grouped(scores!) as number[][];
  expect(seen).toEqual(distances.map(row => row.map(d => expect.closeTo(d, 3) as number)));
  const alone = (row: number[], i: number) => row.every((d, j) => j === i || Math.abs(d - row[i]!) > 1e-3);
  grouped(found!).forEach((row, r) => {
    // The last position may tie with an id that was not found.
    const at = distances[r]!.flatMap((_, i) => (alone(distances[r]!, i) && i < distances[r]!.length - 1 ? i : []));
    expect(at.map(i => Number(row[i]))).toEqual(at.map(i => ids[r]![i]));
  });
});

const files = versions.flatMap(version =>
  Object.keys(answersOf(version).indexes).map(name => join(version, `${name}.faiss`)),
);
test.each(files)("%s: cut anywhere, it is refused by name and no FAISS sees it", name => {
  const bytes = readFileSync(join(root, name));
  expect(readFaissHeader(bytes, name).ntotal).toBe(300);
  for (let length = 0; length < bytes.length; length += 31)
    expect(() => readFaissHeader(bytes.subarray(0, length), "x"), `${length} bytes`).toThrow(
      /^x is not a whole FAISS index/,
    );
});

describe("excluded ids", () => {
  const version = "1.15.1";
  const all = rowsOf(answersOf(version));
  const ask = async (name: string, k: number, queries: number[][], seen: bigint[][]) => {
    const input = { input: [vectors("float32", queries, 8)], exclude: [lists("int64", seen)] };
    const [ids] = await run(
      "queryFaiss",
      step(`${name}.faiss`, { topk: k }, true),
      input,
      context(),
      join(root, version),
    );
    return grouped(ids!) as bigint[][];
  };
  /** The results of an unbounded search, without the excluded ones. */
  const expected = async (name: string, k: number, queries: number[][], seen: bigint[][]) =>
    (
      await ask(
        name,
        300,
        queries,
        queries.map(() => []),
      )
    ).map((row, i) => row.filter(id => !seen[i]!.includes(id)).slice(0, k));

  test.each(["flat", "ivf-flat", "ivf-pq", "idmap-ivf-pq"])("%s: topk others, per query its own", async name => {
    const best = await ask(
      name,
      40,
      all,
      all.map(() => []),
    );
    const seen = best.map((row, i) => (i % 2 ? row.slice(0, 8 * i) : row.filter((_, j) => j % 2 === 0)));
    const found = await ask(name, 10, all, seen);
    expect(found).toEqual(await expected(name, 10, all, seen));
    if (name === "flat") expect(found.map(row => row.length)).toEqual(all.map(() => 10));
  });
  test("everything excluded, more than the index, ids it does not have, nulls, k beyond what is left", async () => {
    const every = Array.from({ length: 300 }, (_, i) => BigInt(i));
    const two = all.slice(0, 2);
    expect(await ask("flat", 10, two, [every, [99999n]])).toEqual([[], (await ask("flat", 10, two, [[], []]))[1]]);
    const left = await ask("flat", 10, two, [every.slice(4), [...every, ...every.map(id => id + 300n)]]);
    expect(left.map(row => row.length)).toEqual([4, 0]);
    const input = { input: [vectors("float32", two, 8)], exclude: [scalars("int64", [null, 0n])] };
    const [ids] = await run(
      "queryFaiss",
      step("flat.faiss", { topk: 300 }, true),
      input,
      context(),
      join(root, version),
    );
    expect(grouped(ids!).map(row => row.length)).toEqual([300, 299]);
  });
});

test("a vector that is not finite is a fault of the load, by its id", async () => {
  const bytes = readFileSync(join(root, "..", "faiss", "id-map.faiss"));
  const { vectorRuns } = readFaissLayout(bytesSource(bytes), "x");
  bytes.writeFloatLE(Number.NaN, vectorRuns[0]!.offset + 5 * 4 * 4);
  const folder = mkdtempSync(join(tmpdir(), "merlon-nan-"));
  writeFileSync(join(folder, "nan.faiss"), bytes);
  await expect(prepare("queryFaiss", step("nan.faiss"), folder)).rejects.toThrow(
    /nan\.faiss: the vector of id 1005 holds NaN, and nothing is near it\. Build the index without it\./,
  );
  rmSync(folder, { recursive: true });
});
