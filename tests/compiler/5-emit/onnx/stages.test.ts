/**
 * Property: every operator of the stages, with every option and dtype, makes the same columns by its kernel and by its graph. The graph
 * runs in onnxruntime-node and on a Triton's ONNX Runtime, with nulls, ties, users without candidates, ragged lists.
 */
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import type { OpKind, OpParamsInput } from "#contract/op-params.js";
import { column } from "#contract/schema.js";
import { DATATYPES, type DType, datatype } from "#triton-protos/datatype.js";
import { makeStep } from "../../../operators/step.js";
import { readFunction } from "../../../runtime/engine/expression/read-function.js";
import { bloomWords } from "../../../runtime/engine/schedule/bloom-text.js";
import { startPythonOnnx } from "./python-onnx.js";
import { columnsOf, type Shape, someOf } from "./random-columns.js";
import { bothWays, expectSame, type Given } from "./step-both-ways.js";

const python = startPythonOnnx();
afterAll(() => python.stop());

const RUNS = 4;
const ALL = DATATYPES.map(row => row.name).filter(name => !/^b?float16$/.test(name));
const FLOATS = ALL.filter(dtype => datatype(dtype).kind === "float");

const CANDIDATE = { of: "candidate" } as const;
const ids = { dtype: "int64", values: fc.bigInt({ min: 1n, max: 9n }), ...CANDIDATE } as const;
const score = { dtype: "float32", values: fc.constantFrom(0, 1, 2.5, -1, 1e30), ...CANDIDATE } as const;
const ordered = [column("ordered_ids", "int64", { rows: "s" }), column("ordered_scores", "float32", { rows: "s" })];
const probable = [
  ...ordered,
  column("propensity", "float64", { rows: "s" }),
  column("list_propensity", "float64", { rows: "s" }),
];
const made = (name: string, dtype: DType, rows = "candidates") => column(name, dtype, { rows });

interface Case<K extends OpKind = OpKind> {
  readonly op: K;
  readonly params: OpParamsInput[K];
  readonly ports: Readonly<Record<string, readonly string[]>>;
  readonly columns: Readonly<Record<string, Shape>>;
  readonly outputs: readonly ReturnType<typeof column>[];
  readonly what: string;
}

const one = <K extends OpKind>(
  op: K,
  what: string,
  params: OpParamsInput[K],
  ports: Case["ports"],
  columns: Case["columns"],
  outputs: Case["outputs"],
): Case<K> => ({ op, what, params, ports, columns, outputs });

const ORDERING = { input: ["id"], relevance: ["score"] };

const orderings = [
  ...FLOATS.flatMap(dtype =>
    [1, 3, 100].map(topk =>
      one(
        "topK",
        `${dtype} scores, ${topk}`,
        { topk },
        ORDERING,
        { id: ids, score: { ...score, dtype, values: someOf(dtype) } },
        [ordered[0]!, { ...ordered[1]!, dtype }],
      ),
    ),
  ),
  one(
    "topK",
    "scores with nulls end the request",
    { topk: 2 },
    ORDERING,
    { id: ids, score: { ...score, nulls: true } },
    ordered,
  ),
  one("topK", "propensities", { topk: 3, propensity: true }, ORDERING, { id: ids, score }, probable),
  one(
    "softmaxSampling",
    "greedy, propensities",
    { topk: 3, mode: "greedy", propensity: true },
    ORDERING,
    { id: ids, score },
    probable,
  ),
  one("softmaxSampling", "greedy", { topk: 3, mode: "greedy" }, ORDERING, { id: ids, score }, ordered),
  ...ALL.flatMap(dtype =>
    (
      [
        { topk: 4 },
        { topk: 4, max: 1 },
        { topk: 3, max: 2, atLeast: { 7: 2 } },
        { topk: 4, atLeast: { 7: 1, a: 2, true: 1, "1.5": 1 } },
      ] as const
    ).map(params =>
      one(
        "limitPerGroup",
        `${dtype} groups, ${JSON.stringify(params)}`,
        params,
        { ...ORDERING, group: ["group"] },
        { id: ids, score, group: { dtype, nulls: true, ...CANDIDATE } },
        ordered,
      ),
    ),
  ),
  ...(["mmr", "dpp"] as const).flatMap(method =>
    [0, 0.6, 1].map(balance =>
      one(
        "diversify",
        `${method} ${balance}`,
        { topk: 3, method, balance },
        { ...ORDERING, embedding: ["vector"] },
        {
          id: ids,
          score: { ...score, values: fc.float({ min: -1, max: 1, noNaN: true }) },
          vector: { dtype: "float32", list: 3, values: fc.float({ min: -1, max: 1, noNaN: true }), ...CANDIDATE },
        },
        ordered,
      ),
    ),
  ),
  ...(["none", "minMax", "standard", "rank"] as const).map(scale =>
    one(
      "mixScores",
      scale,
      { weights: { score: 2, other: -0.5 }, scale },
      { input: ["score", "other"] },
      {
        score: { ...score, values: fc.constantFrom(0, 1, 2.5, -1) },
        other: { ...score, values: fc.constantFrom(0, 3) },
      },
      [made("mixed_score", "float32")],
    ),
  ),
];

/** Scores that are not finite, and floors and quotas of each source. */
const odd = { ...score, nulls: true, values: fc.constantFrom(0, 1, 2.5, -1, 7, Number.POSITIVE_INFINITY) } as const;
const places = (method: string, scored: boolean) => [
  made("candidate_ids", "int64", "s"),
  made("source", "int32", "s"),
  ...(method === "roundRobin" ? [] : [made("scores", "float32", "s")]),
  ...["a", "b"].flatMap(name => [
    made(`${name}_rank`, "int32", "s"),
    ...(scored ? [made(`${name}_score`, "float32", "s")] : []),
  ]),
];
const merges = [
  ...ALL.flatMap(dtype =>
    [{}, { topk: 3 }].map(params =>
      one(
        "mergeCandidates",
        `${dtype}, in turn`,
        params,
        { input: ["id"], source2: ["other"] },
        { id: { dtype, nulls: true, ...CANDIDATE }, other: { dtype, nulls: true, ...CANDIDATE } },
        [made("candidate_ids", dtype, "s")],
      ),
    ),
  ),
  ...(["roundRobin", "rrf", "weighted", "max"] as const).flatMap(method =>
    (["minMax", "z", "none"] as const).flatMap(normalize =>
      [
        { sources: [{ name: "a" }, { name: "b" }] },
        {
          topk: 3,
          sources: [
            { name: "a", weight: 0.5, quota: 1 },
            { name: "b", floor: 2 },
          ],
        },
        { sources: [{ name: "a" }, { name: "b", quota: 0, weight: 2 }] },
        {
          topk: 4,
          sources: [
            { name: "a", floor: 2, quota: 2 },
            { name: "b", floor: 1 },
          ],
        },
      ].flatMap(bounds =>
        [true, false]
          .filter(scored => scored || ((method === "rrf" || method === "roundRobin") && normalize === "z"))
          .map(scored =>
            one(
              "mergeCandidates",
              `${method}, ${normalize}, ${JSON.stringify(bounds)}`,
              { method, normalize, keepSource: true, ...bounds },
              { input: scored ? ["id", "score"] : ["id"], source2: scored ? ["other", "second"] : ["other"] },
              { id: { ...ids, nulls: true }, other: ids, ...(scored && { score: odd, second: odd }) },
              places(method, scored),
            ),
          ),
      ),
    ),
  ),
];

const condition = (text: string, types: Record<string, string>) => readFunction(text, types);
const cheap = { text: "f", condition: condition("price => price < 2", { price: "float32" }) };

const rows = [
  ...ALL.flatMap(dtype =>
    (["ragged", 2] as const).map(list =>
      one("explode", `${dtype}, ${list}`, {}, { input: ["list"] }, { list: { dtype, list, nulls: true } }, [
        made("candidate_ids", dtype, "s"),
      ]),
    ),
  ),
  ...ALL.flatMap(dtype =>
    (
      [
        [2, 2],
        ["ragged", 2],
      ] as const
    ).map(([list, other]) =>
      one(
        "explode",
        `${list} with ${dtype}, ${other}`,
        {},
        { input: ["list"], with: ["scores", "more"] },
        {
          list: { dtype: "int64", list, nulls: true },
          scores: { dtype, list: other, nulls: true },
          more: { dtype, list, nulls: true },
        },
        [made("candidate_ids", "int64", "s"), made("scores", dtype, "s"), made("more", dtype, "s")],
      ),
    ),
  ),
  ...ALL.map(dtype =>
    one(
      "explode",
      `${dtype} with the same lists`,
      {},
      { input: ["list"], with: ["list"] },
      { list: { dtype, list: "ragged", nulls: true } },
      [made("candidate_ids", dtype, "s"), made("list", dtype, "s")],
    ),
  ),
  ...ALL.flatMap(dtype =>
    ([undefined, "ragged", 2] as const).map(list =>
      one(
        "unrollFeatures",
        `${dtype}, ${list}`,
        { itemColumn: "id" },
        { input: ["id"], unroll: ["user"] },
        { id: ids, user: { dtype, nulls: true, ...(list !== undefined && { list }) } },
        [made("id", "int64"), made("user", dtype)],
      ),
    ),
  ),
  ...ALL.flatMap(dtype =>
    ([undefined, "ragged", 2] as const).flatMap(list => {
      const given = { dtype, nulls: true, ...(list !== undefined && { list }) };
      return (list === undefined ? (["bool", "int64", "int8"] as const) : (["bool"] as const)).map(flag =>
        one(
          "choose",
          `${dtype}, ${list}, by ${flag}`,
          {},
          { input: ["flag"], yes: ["a"], no: ["b"] },
          { flag: { dtype: flag, nulls: true }, a: given, b: given },
          [column("a", dtype)],
        ),
      );
    }),
  ),
  ...ALL.map(dtype =>
    one(
      "filter",
      `keeps ${dtype}`,
      cheap,
      { input: ["price", "kept"] },
      { price: { ...score, nulls: true }, kept: { dtype, nulls: true, ...CANDIDATE } },
      [made("price", "float32", "s"), made("kept", dtype, "s")],
    ),
  ),
  ...ALL.map(dtype =>
    one("dropna", dtype, {}, { input: ["id", "kept"] }, { id: ids, kept: { dtype, nulls: true, ...CANDIDATE } }, [
      made("id", "int64", "s"),
      made("kept", dtype, "s"),
    ]),
  ),
  ...FLOATS.map(dtype =>
    one(
      "boost",
      dtype,
      { ...cheap, score: "score", multiply: 0.1, add: 0.7 },
      { input: ["price", "score"] },
      { price: { ...score, nulls: true }, score: { ...score, dtype } },
      [made("price", "float32"), made("score", dtype)],
    ),
  ),
];

const filters = [
  ...ALL.flatMap(dtype =>
    [{ filterOut: ["deny"] }, { allow: ["allow"] }, { filterOut: ["deny", "hidden"], allow: ["allow"] }].map(ports =>
      one(
        "filterCandidates",
        `${dtype}, ${JSON.stringify(ports)}`,
        {},
        { input: ["id"], ...ports },
        {
          id: { dtype, nulls: true, ...CANDIDATE },
          deny: { dtype, list: "ragged", nulls: true },
          hidden: { dtype, nulls: true },
          allow: { dtype, list: 2, nulls: true },
        },
        [made("filtered_ids", dtype, "s")],
      ),
    ),
  ),
  ...(
    [
      ["int32", "int64"],
      ["int64", "int16"],
      ["int8", "uint32"],
    ] as const
  ).map(([dtype, other]) =>
    one(
      "filterCandidates",
      `${dtype} against ${other}`,
      {},
      { input: ["id"], filterOut: ["deny", "hidden"] },
      {
        id: { dtype, nulls: true, ...CANDIDATE },
        deny: { dtype: other, list: "ragged", nulls: true },
        hidden: { dtype: other, nulls: true },
      },
      [made("filtered_ids", dtype, "s")],
    ),
  ),
  ...ALL.filter(dtype => datatype(dtype).kind === "int").map(dtype =>
    one(
      "filterCandidates",
      `${dtype}, seen`,
      {},
      { input: ["id"], seen: ["seen"] },
      {
        id: {
          dtype,
          ...CANDIDATE,
          nulls: true,
          values: fc.integer({ min: 0, max: 9 }).map(x => (datatype(dtype).bytes === 8 ? BigInt(x) : x)),
        },
        seen: { dtype: "int64", values: fc.constant(0n), list: "ragged" },
      },
      [made("filtered_ids", dtype, "s")],
    ),
  ),
];

/** Lists of zeros are not Bloom filters: their lengths are numbers of seen items. */
function withFilters(columns: Record<string, Given>): Record<string, Given> {
  const { seen } = columns;
  if (!seen) return columns;
  const cells = (seen.cells as unknown[][]).map(list => bloomWords(list.map((_, i) => 2 * i)));
  return { ...columns, seen: { ...seen, cells } };
}

const CASES = [...orderings, ...merges, ...rows, ...filters] as Case[];

test.each([...new Set(CASES.map(({ op }) => op))])(
  "%s",
  async op => {
    const cases = CASES.filter(one => one.op === op);
    let answered = 0;
    for (const { params, ports, columns, outputs, what } of cases) {
      const step = makeStep(op, { params, inputs: ports, outputs, id: "s" } as never);
      await fc.assert(
        fc.asyncProperty(columnsOf(columns), async given => {
          const ways = await bothWays(step, withFilters(given), python, {});
          expectSame(ways, what);
          if (Array.isArray(ways.kernel)) answered++;
        }),
        { numRuns: RUNS, seed: 20_261_126 },
      );
    }
    expect(answered).toBeGreaterThan(cases.length);
  },
  120_000,
);
