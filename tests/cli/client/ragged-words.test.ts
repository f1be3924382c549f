// The input and output of `merlon client infer` for Merlon's own models: ragged columns under one name, and the stories of candidates.
import { expect, test } from "vitest";
import type { Plan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { childRows, rootRows } from "#runtime/base/columns/table.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import type { ModelMetadata } from "#runtime/client/index.js";
import { explainCandidates } from "#runtime/engine/explain/explain-candidates.js";
import { withPairs } from "../../../cli/client/pairs.js";
import { printStories } from "../../../cli/client/print-stories.js";
import { template } from "../../../cli/client/template.js";

const inputs = [
  { name: "ids__values", datatype: "INT64", shape: [-1n] },
  { name: "ids__offsets", datatype: "INT32", shape: [-1n] },
  { name: "age", datatype: "INT32", shape: [-1n] },
] as unknown as ModelMetadata["inputs"];
const plain = (given: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(withPairs(given, inputs)).map(([name, value]) => {
      const { raw, datatype } = value as { raw?: Uint8Array; datatype?: string };
      if (!raw) return [name, value];
      const own = raw.slice().buffer;
      return [name, datatype === "INT32" ? [...new Int32Array(own)] : [...new BigInt64Array(own)]];
    }),
  );

test("lists under a column's own name become its pair; a single list is one row", () => {
  expect(plain({ ids: [[1, 2], [], [3]], age: [7, 8, 9] })).toEqual({
    ids__values: [1n, 2n, 3n],
    ids__offsets: [0, 2, 2, 3],
    age: [7, 8, 9],
  });
  expect(plain({ ids: [4, 5] })).toEqual({ ids__values: [4n, 5n], ids__offsets: [0, 2] });
  expect(plain({ ids: [] })).toEqual({ ids__values: [], ids__offsets: [0] });
  expect(plain({ ids__values: [1], other: [[1]] })).toEqual({ ids__values: [1], other: [[1]] });
  expect(template({ inputs } as ModelMetadata)).toEqual({ ids: [[0]], age: [0] });
});

test("stories are lines; another model's parameter is left as it is", () => {
  const stories = [
    [
      { id: 7, from: "near.queryFaiss", rank: 1, scores: { "near.queryFaiss.d": 0.123456789 }, place: 1 },
      { id: "b", from: "near.queryFaiss", rank: 2, scores: {}, droppedBy: "seen.filterCandidates" },
      { id: 9, from: "near.queryFaiss", rank: 3, scores: { s: null } },
    ],
    [],
  ];
  expect(printStories(JSON.stringify(stories))).toBe(
    `  row 0: 3 candidates
    7  place 1, found by near.queryFaiss as 1, near.queryFaiss.d 0.12346
    9  kept, found by near.queryFaiss as 3, s NaN
    b  dropped by seen.filterCandidates, found by near.queryFaiss as 2
  row 1: no candidates
`,
  );
  expect(printStories(JSON.stringify([stories[0]!.concat(Array(30).fill(stories[0]![0]))]))).toContain("13 more");
  const winner = { id: "w", name: "Tent \u001b[31m", from: "near", rank: 99, scores: {}, place: 1 };
  const lost = Array.from({ length: 30 }, (_, i) => ({ ...winner, id: i, place: undefined, droppedBy: "last" }));
  const lines = printStories(
    JSON.stringify([[...lost, { ...winner, place: 2, name: undefined, id: "v" }, winner]]),
  )!.split("\n");
  // Names are read from a store, so no command in them may reach a terminal.
  expect(lines.slice(1, 4).map(line => line.trim().split(",")[0])).toEqual([
    'w "Tent \\u001b[31m"  place 1',
    "v  place 2",
    '0 "Tent \\u001b[31m"  dropped by last',
  ]);
  for (const other of ["because", '[["x"]]', 7, "{}"]) expect(printStories(other)).toBeUndefined();
});

test("more candidates than anybody reads about are refused, with their number", () => {
  const ids = (count: number) => ({
    dtype: "int64" as const,
    rows: childRows(rootRows(1), Int32Array.of(0, count)),
    values: new BigInt64Array(count),
  });
  const plan = {
    steps: [
      {
        ...{ id: "s1", op: "explode", label: "popular", params: {}, inputs: {} },
        outputs: [column("ids", "int64", { rows: "s1", tags: ["id"] })],
      },
    ],
    outputs: [],
  } as unknown as Plan;
  const explain = (count: number) =>
    explainCandidates(plan, { columnOf: () => ids(count), fallbacks: new Map() } as never);
  expect(explain(3)[0]).toHaveLength(1);
  expect(() => explain(100_001)).toThrow(RuntimeFault);
  expect(() => explain(100_001)).toThrow("the request has 100001 candidates at one step");
});
