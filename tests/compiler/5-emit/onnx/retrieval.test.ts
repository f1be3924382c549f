/**
 * Property: searches and look-ups in artefacts equal those of their kernels, for every kind of index and option with a graph. They run in
 * onnxruntime-node and on a Triton's ONNX Runtime.
 */
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { OpKind, OpParamsInput } from "#contract/op-params.js";
import type { Step } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { makeStep } from "../../../operators/step.js";
import { startPythonOnnx } from "./python-onnx.js";
import { columnsOf, type Shape } from "./random-columns.js";
import { bothWays, expectSame } from "./step-both-ways.js";

const python = startPythonOnnx();
afterAll(() => python.stop());

const TESTS = join(import.meta.dirname, "../../..");
const FAISS = join(TESTS, "fixtures/faiss");
const KINDS = join(TESTS, "fixtures/faiss-kinds/1.15.1");
const IMPLICIT = join(TESTS, "fixtures/implicit");

interface Lookup {
  readonly folder: string;
  readonly columns: Readonly<Record<string, Shape>>;
  readonly ivf?: "probe" | "exact";
  readonly runs?: number;
}

/** @returns what is called with the lowering */
async function same<K extends OpKind>(
  step: Step<K>,
  { folder, columns, ivf = "probe", runs = 4 }: Lookup,
): Promise<string> {
  const notes = new Set<string>();
  let answered = 0;
  const options = {
    folder,
    ivf,
    file: (_: unknown, path: string) => join(folder, path),
    note: (text: string) => void notes.add(text),
  };
  await fc.assert(
    fc.asyncProperty(columnsOf(columns), async given => {
      const ways = await bothWays(step, given, python, options);
      expectSame(ways, step.op);
      if (Array.isArray(ways.kernel)) answered++;
    }),
    { numRuns: runs, seed: 20_261_126 },
  );
  expect(answered).toBeGreaterThan(0);
  return [...notes].join("\n");
}

const search = (index: string, params: Partial<OpParamsInput["queryFaiss"]>, exclude = false) =>
  makeStep("queryFaiss", {
    params: { path: index, topk: 7, includeDistances: true, ...params },
    inputs: { input: ["query"], ...(exclude && { exclude: ["seen"] }) },
    outputs: [column("candidate_ids", "int64", { rows: "s" }), column("candidate_distances", "float32", { rows: "s" })],
    artefacts: { index },
    id: "s",
  });
const query = (list: number): Shape => ({
  dtype: "float32",
  list,
  values: fc.integer({ min: 1, max: 99 }).map(x => (x - 50.5) / 50),
});
const items = fc.bigInt({ min: 0n, max: 70n });
const SEEN: Readonly<Record<string, Shape>> = {
  "a list": { dtype: "int64", list: "ragged", nulls: true, values: items },
  "a vector": { dtype: "int64", list: 3, nulls: true, values: items },
  "one id": { dtype: "int64", nulls: true, values: items },
};

describe("queryFaiss", () => {
  test.each(["flat-ip", "flat-l2", "id-map", "id-map2-big-ids", "ivf-ip", "ivf-l2", "ivf-big-ids", "ivf-sparse"])(
    "%s, with and without excluded items, few and more than there are",
    async name => {
      const columns = { query: query(4) };
      await same(search(`${name}.faiss`, {}), { folder: FAISS, columns });
      await same(search(`${name}.faiss`, { topk: 100, normalize: true }), { folder: FAISS, columns, runs: 2 });
      const zeros = { query: { ...query(4), values: fc.constantFrom(0, 0, 0, 0.5) } };
      await same(search(`${name}.faiss`, { normalize: true }), { folder: FAISS, columns: zeros });
      await same(search(`${name}.faiss`, { normalize: true }, true), {
        folder: FAISS,
        columns: { ...zeros, seen: SEEN["a list"]! },
      });
      for (const seen of Object.values(SEEN))
        await same(search(`${name}.faiss`, name.startsWith("ivf") ? { nprobe: 2 } : {}, true), {
          folder: FAISS,
          columns: { ...columns, seen },
        });
    },
  );
  test("an index of lists is searched as configured, and the build reports its recall", async () => {
    const columns = { query: query(8) };
    for (const nprobe of [1, 3])
      expect(await same(search("ivf-flat.faiss", { nprobe }), { folder: KINDS, columns })).toMatch(
        new RegExp(`visits ${nprobe} of the \\d+ lists .*recall@10 [01]\\.\\d{3}`),
      );
    // All lists is what an exact search is.
    const told = await same(search("ivf-flat.faiss", { nprobe: 8 }), { folder: KINDS, columns, ivf: "exact" });
    expect(told).toMatch(/searches all \d+ vectors .*recall 1/);
  });
  test.each(["pq", "sq", "ivf-pq", "ivf-sq", "hnsw-sq"])("%s is refused: a graph compares vectors", async name => {
    const given = { query: { dtype: "float32", list: 8, cells: [[0, 0, 0, 0, 0, 0, 0, 0]] } } as const;
    const file = (_: unknown, path: string) => join(KINDS, path);
    const { node } = await bothWays(search(`${name}.faiss`, {}), given, python, { folder: KINDS, file });
    expect(node).toEqual({ refused: expect.stringMatching(/keeps its vectors as codes|are not kept as they are/) });
  });
});

describe("predictImplicit", () => {
  const step = (path: string, onMissing: "error" | "empty", exclude: boolean) =>
    makeStep("predictImplicit", {
      params: { path, topk: 5, onMissing },
      inputs: { input: ["user"], ...(exclude && { exclude: ["seen"] }) },
      outputs: [column("ids", "int64", { rows: "s" }), column("scores", "float32", { rows: "s" })],
      artefacts: { factors: path },
      id: "s",
    });
  test.each(["als.npz", "bpr.npz"])("%s", async path => {
    const user: Shape = { dtype: "int64", nulls: true, values: fc.bigInt({ min: -1n, max: 50n }) };
    for (const onMissing of ["empty", "error"] as const) {
      const columns = {
        user: onMissing === "error" ? { ...user, nulls: false, values: fc.bigInt({ min: 0n, max: 9n }) } : user,
      };
      await same(step(path, onMissing, false), { folder: IMPLICIT, columns });
      await same(step(path, onMissing, true), { folder: IMPLICIT, columns: { ...columns, seen: SEEN["a list"]! } });
    }
  });
});
