// The check of `merlon build --target triton` before it writes: kernels and graphs run the same rows, and a difference is refused.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { checkLowered } from "#cli/check-lowered.js";
import { edgeRows } from "#cli/edge-rows.js";
import { column } from "#contract/schema.js";
import { freezeFeatures } from "#runtime/stores/feast/freeze-features.js";
import { compiledProgram } from "../compiler/5-emit/onnx/both-servers.js";

const TESTS = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "merlon-check-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const freeze = { freeze: freezeFeatures };

async function program(name: string, text: string) {
  const file = join(folder, `${name}.ensemble.ts`);
  writeFileSync(file, text);
  return compiledProgram(file);
}

test("a function whose digits the graph rounds otherwise is refused, with the row", async () => {
  // The fifteenth digit of a logarithm, which two libraries may disagree in, made large.
  const text = `import { ensemble, lambdaOp, source } from "merlon";
const request = source({ x: "float64" });
export default ensemble("digits", request["x"] >> lambdaOp(x => Math.floor(1e17 * (Math.log10(x + 2) - 0.47712125471966)), { name: "digits", dtype: "int64" }));
`;
  await expect(checkLowered(await program("digits", text), {}, freeze)).rejects.toThrowError(
    /`digits` would answer otherwise\. For the row x = 1: `digits`, element \[0(,0)?\]: \d+ and \d+, by the kernels and by the graph.*\n.*--no-check/,
  );
});

test.each([
  ["one graph", { fuse: true }],
  ["a graph per step", {}],
  ["features with the request", { fuse: true, features: "inputs" }],
] as const)("a sample that answers the same, as %s", async (_, options) => {
  const text = `import { ensemble, queryFeast, queryFaiss, softmaxSampling, source } from "merlon";
const request = source({ user_id: "int64", query: "float32[4]" });
const user = request["user_id"] >> queryFeast(${JSON.stringify(join(TESTS, "samples/artefacts/features"))}, { view: "user_features", features: ["age", "city"], onMissing: { age: { default: 40 }, city: { default: "?" } } });
const found = request["query"] >> queryFaiss(${JSON.stringify(join(TESTS, "samples/artefacts/index/items.faiss"))}, { topk: 8, includeDistances: true });
export default ensemble("alike", (found["candidate_ids"] >> softmaxSampling(found["candidate_distances"], { topk: 4 })) + user);
`;
  expect(await checkLowered(await program("alike", text), {}, { ...freeze, ...options })).toMatch(
    /^Compared with the kernels on 32 rows: the same answers\.$/,
  );
});

test("rows consist of keys of look-ups and of the edges of dtypes", () => {
  const columns = [
    column("id", "int64"),
    column("text", "string"),
    column("list", "uint8", { list: { min: 0, max: null } }),
  ];
  const rows = edgeRows(columns, new Map([["id", [101n, 102n]]]));
  const seen = (name: string) => new Set(rows.flatMap(row => row[name]!).map(String));
  expect([...seen("id")]).toEqual(expect.arrayContaining(["101", "102", `${-(2n ** 63n)}`, `${2n ** 63n - 1n}`]));
  expect([...seen("text")].sort()).toEqual(["", "?", "é"]);
  expect([...seen("list")]).toEqual(expect.arrayContaining(["0", "255"]));
  expect(new Set(rows.map(row => row.list!.length))).toEqual(new Set([0, 1, 2, 5]));
  expect(edgeRows(columns, new Map())).toEqual(edgeRows(columns, new Map()));
});
