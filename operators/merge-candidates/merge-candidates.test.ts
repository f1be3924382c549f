import { expect, test } from "vitest";
import { rootRows } from "#runtime/base/columns/table.js";
import { candidates, column, grouped, type Item, run } from "../../tests/operators/step.js";

const step = {
  params: { name: "candidate_ids" },
  inputs: { input: ["near"], source2: ["popular"], source3: ["together"] },
  outputs: [column("candidate_ids", "int64", { rows: "s1" })],
} as const;

test("takes each source's candidates in turn, each once, nulls left out", async () => {
  const rows = rootRows(3);
  const of = (groups: readonly Item[][]) => [candidates("int64", groups, rows)];
  const [merged] = await run("mergeCandidates", step, {
    input: of([[1n, 2n, 3n], [], []]),
    source2: of([[2n, 9n], [7n, 0n, 7n, 8n], []]).map(col => ({ ...col, validity: Uint8Array.of(1, 1, 1, 0, 1, 1) })),
    source3: of([[5n, 1n, 4n, 6n], [8n], []]),
  });
  expect(grouped(merged!)).toEqual([[1n, 2n, 5n, 9n, 3n, 4n, 6n], [7n, 8n], []]);
});

test("texts, and no more than topk", async () => {
  const rows = rootRows(2);
  const of = (groups: readonly Item[][]) => [candidates("string", groups, rows)];
  const [merged] = await run(
    "mergeCandidates",
    {
      params: { name: "candidate_ids", topk: 3 },
      inputs: { input: ["near"], source2: ["popular"] },
      outputs: [column("candidate_ids", "string", { rows: "s1" })],
    },
    {
      input: of([["a", "b", "c"], ["x"]]),
      source2: of([
        ["b", "", "d"],
        ["x", "x"],
      ]),
    },
  );
  expect(grouped(merged!)).toEqual([["a", "b", ""], ["x"]]);
});
