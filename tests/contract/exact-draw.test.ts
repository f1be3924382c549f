// Lists of one program, made by the operators that may be around a draw, and whether their probabilities are known.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exactDraw } from "#contract/exact-draw.js";
import { OP_KINDS } from "#contract/op-params.js";
import type { Plan } from "#contract/plan.js";
import { REQUEST_ROWS } from "#contract/schema.js";
import { factsOf } from "#contract/step-facts.js";
import type { UniformShare } from "#operators/shared/spec/facts.js";
import { compiledProgram } from "../compiler/5-emit/onnx/both-servers.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-exact-draw-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const INDEX = JSON.stringify(join(import.meta.dirname, "../samples/artefacts/index/items.faiss"));
const BEFORE = `import { boost, choose, diversify, ensemble, epsilonGreedy, explode, fallback, filter, filterCandidates, lambdaOp, limitPerGroup, mergeCandidates, mixScores, queryFaiss, rename, softmaxSampling, source, split, thompsonSampling, topK, unrollFeatures } from "merlon";
const request = source({ user_id: "int64", query: "float32[4]", second: "float32[4]", seen: "list<int64>", popular: "list<int64>", flag: "bool" });
const found = request["query"] >> queryFaiss(${INDEX}, { topk: 20, includeDistances: true });
const other = request["second"] >> queryFaiss(${INDEX}, { topk: 20, includeDistances: true });
const ids = found["candidate_ids"];
const near = found["candidate_distances"];
const vectors = (ids >> unrollFeatures("candidate_ids", request["query"]))["query"];
const popular = request["popular"] >> explode();
`;

/** A temperature of a draw, its uniform part, 1 for a list without chance, names of columns, or a sentence. */
type Known = number | UniformShare | readonly [propensity: string, list?: string] | RegExp;

/** Lists in the order of the program: variable, statement, and what is known of its probabilities. */
const LISTS: readonly (readonly [name: string, made: string, known: Known])[] = [
  // Orderings of candidates that chance did not choose.
  ["drawn", "ids >> softmaxSampling(near, { topk: 9, temperature: -2 })", -2],
  ["greedy", 'ids >> softmaxSampling(near, { topk: 9, mode: "greedy" })', 1],
  ["best", "ids >> topK(near, { topk: 8 })", 1],
  ["capped", "ids >> limitPerGroup(near, ids, { topk: 9, max: 1 })", 1],
  ["varied", "ids >> diversify(near, vectors, { topk: 9 })", 1],
  ["mixed", 'ids >> topK(near >> mixScores({ weights: { candidate_distances: -1 }, scale: "rank" }), { topk: 7 })', 1],
  ["bestDrawn", 'best["ordered_ids"] >> softmaxSampling(best["ordered_scores"], { topk: 3, temperature: 4 })', 4],
  ["explored", "ids >> epsilonGreedy(near, { topk: 9, epsilon: 0.2 })", { epsilon: 0.2, least: 0, per: "position" }],
  ["certain", "ids >> epsilonGreedy(near, { topk: 9, epsilon: 0 })", 1],
  [
    "floored",
    "ids >> softmaxSampling(near, { topk: 9, minPropensity: 0.01 })",
    { epsilon: 0, least: 0.01, per: "position" },
  ],
  ["tried", "ids >> thompsonSampling(near, near, { topk: 1, propensity: true })", ["propensity", "list_propensity"]],
  [
    "triedList",
    "ids >> thompsonSampling(near, near)",
    /^`triedList\.thompsonSampling` orders by drawn scores, and their probability/,
  ],
  // No ordering, and no chance.
  ["allowed", 'ids >> filterCandidates(request["seen"])', 1],
  // Sources that may be left out, and branches that may fail, before the draw: it is from the candidates that are there.
  ["merged", 'found >> mergeCandidates(popular, { within: 20, method: "rrf", keepSource: true })', 1],
  ["mergedDrawn", 'merged["candidate_ids"] >> softmaxSampling(merged["scores"], { temperature: 6 })', 6],
  ["backed", "found >> fallback(other, { within: 20 })", 1],
  ["backedDrawn", 'backed["candidate_ids"] >> softmaxSampling(backed["candidate_distances"], { temperature: 7 })', 7],
  ["either", 'request["flag"] >> choose({ yes: found, no: other })', 1],
  ["eitherDrawn", 'either["candidate_ids"] >> softmaxSampling(either["candidate_distances"], { temperature: 8 })', 8],
  ["arms", 'request["user_id"] >> split({ found, other })', 1],
  ["armsDrawn", 'arms["candidate_ids"] >> softmaxSampling(arms["candidate_distances"], { temperature: 9 })', 9],
  // Columns that keep the rows of a draw.
  ["boosted", 'drawn >> boost(item => item.ordered_ids > 5, { score: "ordered_scores", add: 1 })', -2],
  // Chance in the candidates, or in their scores.
  [
    "twice",
    'drawn["ordered_ids"] >> softmaxSampling(drawn["ordered_scores"], { topk: 3 })',
    /^`twice\.softmaxSampling` orders candidates that depend on the draw of `drawn\.softmaxSampling`$/,
  ],
  ["drawnBest", 'drawn["ordered_ids"] >> topK(drawn["ordered_scores"], { topk: 3 })', /^`drawnBest\.topK` orders/],
  [
    "drawnCapped",
    'drawn["ordered_ids"] >> limitPerGroup(drawn["ordered_scores"], drawn["ordered_ids"], { topk: 3, max: 1 })',
    /^`drawnCapped\.limitPerGroup` orders/,
  ],
  [
    "drawnVaried",
    'drawn["ordered_ids"] >> diversify(drawn["ordered_scores"], (drawn >> unrollFeatures("ordered_ids", request["query"]))["query"], { topk: 3 })',
    /^`drawnVaried\.diversify` orders/,
  ],
  [
    "boostedBest",
    'boosted["ordered_ids"] >> topK(boosted["ordered_scores"], { topk: 3 })',
    /draw of `drawn\.softmaxSampling`$/,
  ],
  // Steps behind a draw that change its list.
  [
    "drawnAllowed",
    'drawn["ordered_ids"] >> filterCandidates(request["seen"])',
    /^`drawnAllowed\.filterCandidates` changes the list that `drawn\.softmaxSampling` draws$/,
  ],
  ["drawnCut", "drawn >> filter(item => item.ordered_scores < 3)", /^`drawnCut\.filter` changes/],
  ["drawnMerged", 'drawn["ordered_ids"] >> mergeCandidates(popular)', /^`drawnMerged\.mergeCandidates` changes/],
  [
    "similar",
    `(drawn >> unrollFeatures("ordered_ids", request["query"]))["query"] >> queryFaiss(${INDEX}, { topk: 2 })`,
    /^`similar\.queryFaiss` changes/,
  ],
  // Branches around draws.
  [
    "known",
    "ids >> softmaxSampling(near, { topk: 4, temperature: 3, propensity: true })",
    ["propensity", "list_propensity"],
  ],
  ["knownBest", "ids >> topK(near, { topk: 4, propensity: true })", ["propensity", "list_propensity"]],
  [
    "eitherDraw",
    'request["flag"] >> choose({ yes: drawn, no: best })',
    /^`eitherDraw\.choose` takes the list of one of several branches$/,
  ],
  ["orBest", "drawn >> fallback(best)", /^`orBest\.fallback` takes the list of one of several branches$/],
  ["eitherKnown", 'request["flag"] >> choose({ yes: known, no: knownBest })', ["propensity", "list_propensity"]],
  ["orKnown", 'known[["ordered_ids", "propensity"]] >> fallback(knownBest)', ["propensity"]],
  [
    "exploredBest",
    'explored["ordered_ids"] >> topK(explored["ordered_scores"], { topk: 3 })',
    /^`exploredBest\.topK` orders candidates that depend on the draw of `explored\.epsilonGreedy`$/,
  ],
  [
    "armDraw",
    'request["user_id"] >> split({ best, drawn, greedy })',
    /^`armDraw\.split` takes the list of one of several branches$/,
  ],
  ["armKnown", 'request["user_id"] >> split({ known, knownBest })', ["propensity", "list_propensity"]],
  ["eitherSame", 'request["flag"] >> choose({ yes: best, no: greedy })', 1],
  ["eitherTwice", 'request["flag"] >> choose({ yes: twice, no: best })', /^`twice\.softmaxSampling` orders/],
];

let plan: Plan;
beforeAll(async () => {
  const file = join(folder, "lists.ensemble.ts");
  const statements = LISTS.map(([name, made]) => `const ${name} = ${made};\n`).join("");
  const all = LISTS.map(([name]) => `(${name} >> rename({ prefix: "${name}_" }))`).join(" + ");
  writeFileSync(file, `${BEFORE}${statements}export default ensemble("lists", ${all});\n`);
  plan = (await compiledProgram(file)).plan;
}, 60_000);

/** Id of the step that made the rows of a variable's list. */
const rowsOf = (name: string): string =>
  plan.outputs.find(({ schema }) => schema.name.startsWith(`${name}_`) && schema.rows !== REQUEST_ROWS)!.schema.rows;

test.each(LISTS)("%s", (name, _made, known) => {
  const rows = rowsOf(name);
  const draw = exactDraw(plan, rows);
  if (known instanceof RegExp)
    expect(draw).toEqual({
      exact: false,
      because: expect.stringMatching(known),
      way: expect.stringMatching(/^[A-Z].*\.$/),
    });
  else {
    if (!draw.exact) throw new Error(draw.because);
    expect(draw.step).toBe(rows);
    if (typeof known === "object" && "epsilon" in known) expect(draw.uniform).toEqual(known);
    else if (typeof known !== "number") expect(Object.values(draw.columns!)).toEqual(known);
    else {
      expect({ temperature: draw.temperature ?? 1, columns: draw.columns }).toEqual({ temperature: known });
      expect(draw).not.toHaveProperty("uniform");
    }
  }
});

test("every operator that orders, chooses, drops or finds candidates is in the program, but those that only find them", () => {
  const used = new Set(plan.steps.map(({ op }) => op));
  const missing = OP_KINDS.filter(
    op => factsOf(op).where === "ensemble" && factsOf(op).rows !== "kept" && !used.has(op),
  );
  expect(missing.sort()).toEqual([
    "constantCandidates",
    "lookupCandidates",
    "predictImplicit",
    "queryVectors",
    "recent",
  ]);
  expect(OP_KINDS.filter(op => factsOf(op).orders && !used.has(op))).toEqual([]);
});
