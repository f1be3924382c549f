// Programs that can't be built for a stock Triton: each step by itself, at the author's operator, with reason and fix.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { contextOf } from "#compiler/5-emit/onnx/lower-plan.js";
import { releaseOf } from "#compiler/5-emit/onnx/triton-models.js";
import { graphBuilder } from "#compiler/onnx/graph-builder.js";
import type { AnyStep } from "#contract/plan.js";
import { placesOf } from "#operators/shared/onnx/key-places.js";
import { MERLON } from "../../../needs/built.js";

const ROOT = join(import.meta.dirname, "../../../..");
const INDEX = join(ROOT, "tests/samples/artefacts/index/items.faiss");
const folder = mkdtempSync(join(tmpdir(), "merlon-refused-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PROGRAM = `import { ensemble, explode, fallback, filterCandidates, queryFaiss, softmaxSampling, source } from "merlon";

const request = source({ query: "float32[4]", popular: "list<int64>", seen: "string" });

const near = request["query"] >> queryFaiss(${JSON.stringify(INDEX)}, { topk: 20, includeDistances: true });
const found = near["candidate_ids"] >> fallback(request["popular"] >> explode(), { within: 20 });
const unseen = near["candidate_ids"] >> filterCandidates({ seen: request["seen"] });
const drawn = near["candidate_ids"] >> softmaxSampling(near["candidate_distances"], { topk: 5, seed: 7 });

export default ensemble("refused", found + unseen + drawn);
`;

test("every step that prevents it is reported at its operator, and nothing is written", () => {
  const file = join(folder, "refused.ensemble.ts");
  writeFileSync(file, PROGRAM);
  const merlon = (...args: string[]) =>
    spawnSync(process.execPath, [MERLON, ...args], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
  const built = merlon("build", "refused.ensemble.ts", "--target", "triton", "--out", "repository");
  expect([built.status, built.stdout, existsSync(join(folder, "repository"))]).toEqual([1, "", false]);
  const said = built.stderr;
  for (const [place, reason] of [
    ["6:40", /step `found\.fallback` \(fallback\) can't be lowered to ONNX: it takes another branch when one fails/],
    ["7:41", /\(filterCandidates\) can't be lowered to ONNX: the Bloom filters in `seen` are base64 texts/],
    ["8:40", /\(softmaxSampling\) can't be lowered to ONNX: with `seed: 7` every request draws the same/],
  ] as const) {
    const at = said.indexOf(`refused.ensemble.ts:${place}: error[triton/not-lowered]`);
    expect([place, at >= 0]).toEqual([place, true]);
    const rest = said.slice(at, said.indexOf("help:", at) + 200);
    expect(rest).toMatch(reason);
    // The code frame underlines the operator.
    expect(rest).toMatch(/ \| \s*\^{10,}/);
    expect(rest).toMatch(/help: .*keep the Merlon runtime/);
  }
  expect(said).toContain("Found 3 errors.");
  const explained = merlon("explain", "refused.ensemble.ts", "--target", "triton");
  expect(explained.stdout).toMatch(/refused\.ensemble\.ts:6:40: step `found\.fallback` \(fallback\)/);
});

const none = (): never => {
  throw new Error("not asked for");
};
const NOTHING = {
  release: releaseOf("24.01"),
  form: "unbatched",
  ivf: "probe",
  file: none,
  feast: none,
  model: none,
  note: none,
} as const;

test("a look-up that float32 would answer otherwise is refused with the row that shows it; one that it would not, is not", () => {
  const g = graphBuilder();
  const context = contextOf(g, {} as AnyStep, NOTHING);
  const values = g.input("x", "float64", ["n"]);
  const col = { dtype: "float64", values, rows: { id: "request", count: values } } as const;
  const places = (...keys: number[]) =>
    placesOf(context, col, "price", { dtype: "float64", values: Float64Array.from(keys) });
  expect(() => places(0.5, 19.99)).toThrowError(/fitted row 1, 19\.99, would be found as 19\.98999977/);
  expect(places(0.5, -2, 1e10).dtype).toBe("int64");
});
