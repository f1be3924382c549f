import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { parseCandidateTable } from "#formats/tables/candidate-table.js";
import { openCandidateTable } from "#runtime/stores/candidates/candidate-table.js";
import { type Lists, printCandidates, writeCandidates } from "../../tests/operators/candidate-file.js";
import { column, context, grouped, lists, prepare, scalars, vectors } from "../../tests/operators/step.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-lookups-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const BOUGHT: Lists = {
  keys: "int64",
  ids: "int64",
  lists: [
    [1, [10, 11, 12], [3, 2, 1]],
    [2, [11, 13], [2.5, 0.5]],
    [-7, [10], [9]],
  ],
};
const step = (params: object, scored = true) => ({
  params: { path: "bought.candidates", scores: scored, ...params },
  inputs: { input: ["key"] },
  outputs: [
    column("candidate_ids", "int64", { rows: "s1" }),
    ...(scored ? [column("candidate_scores", "float32", { rows: "s1" })] : []),
  ],
  artefacts: { table: "bought.candidates" },
});
async function look(params: object, key: Parameters<typeof scalars>[1] | ReturnType<typeof lists>, scored = true) {
  writeCandidates(join(folder, "bought.candidates"), BOUGHT);
  const kernel = await prepare("lookupCandidates", step(params, scored) as never, folder);
  try {
    const input = Array.isArray(key) ? scalars("int64", key as never) : (key as ReturnType<typeof lists>);
    return (await kernel.run({ input: [input] }, context())).map(grouped);
  } finally {
    await kernel.close?.();
  }
}

test("the list of a row's key, best first; unknown keys and nulls have none", async () => {
  expect(await look({}, [1, 99, -7, null, 2])).toEqual([
    [[10n, 11n, 12n], [], [10n], [], [11n, 13n]],
    [[3, 2, 1], [], [9], [], [2.5, 0.5]],
  ]);
  expect(await look({ topk: 1 }, [1, 2], false)).toEqual([[[10n], [11n]]]);
});
test("a list of keys: sums, maxima, or in turn; a key twice counts once", async () => {
  const recent = lists("int64", [[1, 2, 2], [], [2, -7, 1, 5]]);
  expect(await look({ merge: "sum" }, recent)).toEqual([
    [[11n, 10n, 12n, 13n], [], [10n, 11n, 12n, 13n]],
    [[4.5, 3, 1, 0.5], [], [12, 4.5, 1, 0.5]],
  ]);
  expect(await look({ merge: "max" }, recent)).toEqual([
    [[10n, 11n, 12n, 13n], [], [10n, 11n, 12n, 13n]],
    [[3, 2.5, 1, 0.5], [], [9, 2.5, 1, 0.5]],
  ]);
  expect(await look({ merge: "roundRobin", topk: 3 }, recent, false)).toEqual([[[10n, 11n, 13n], [], [11n, 10n, 13n]]]);
  expect(await look({ merge: "sum", topk: 1 }, vectors("int64", [[1, 2]], 2))).toMatchObject([[[11n]], [[4.5]]]);
});

describe("a file that is not a whole table", () => {
  test.each<[string, Uint8Array, string]>([
    ["text", Buffer.from("no table at all, but long enough to look"), "ARROW1"],
    ["no rows", printCandidates({ ...BOUGHT, lists: [] }), "it holds no candidates"],
    [
      "rows of a key apart",
      printCandidates({
        ...BOUGHT,
        lists: [
          [1, [2]],
          [3, [4]],
          [1, [5]],
        ],
      }),
      "the rows of key 1 are apart: row 2 has it again",
    ],
    ["half of it", printCandidates(BOUGHT).slice(0, 300), "ARROW1"],
  ])("%s", (_, bytes, message) => {
    expect(() => parseCandidateTable(bytes)).toThrow(message);
  });
  test("any changed byte of its columns", () => {
    const good = printCandidates(BOUGHT);
    const before = JSON.stringify(parseCandidateTable(good), (_, x) => (typeof x === "bigint" ? `${x}` : x));
    let refused = 0;
    for (let at = 0; at < good.length; at++) {
      const bad = good.slice();
      bad[at]! ^= 0x10;
      try {
        const read = parseCandidateTable(bad);
        expect(JSON.stringify(read, (_, x) => (typeof x === "bigint" ? `${x}` : x))).toBe(before);
      } catch {
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(100);
  });
});

describe("while it is served", () => {
  const needs = { path: "live.candidates", ids: "int64", keys: "int64", needsScores: true } as const;
  test.each<[string, Lists | Uint8Array, string]>([
    ["damaged", printCandidates(BOUGHT).slice(0, 200), "cannot be read"],
    ["empty", printCandidates({ ...BOUGHT, lists: [] }), "it holds no candidates"],
    ["of other ids", { ...BOUGHT, ids: "string", lists: [[1, ["a"], [1]]] }, "has string ids, and the plan says int64"],
    [
      "of other keys",
      { ...BOUGHT, keys: "string", lists: [["be", [1], [1]]] },
      "has string keys, and the plan looks int64 up",
    ],
    ["without scores", { ...BOUGHT, lists: [[1, [2]]] }, "has no scores, which the plan reads"],
  ])("a table that is %s is reported once, and the one before it stays", async (_, other, message) => {
    const file = join(folder, "kept.candidates");
    writeCandidates(file, BOUGHT);
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const table = openCandidateTable(file, needs, 5);
    try {
      const before = table.current;
      writeCandidates(file, other);
      await vi.waitFor(() => expect(warn).toHaveBeenCalled());
      expect(warn.mock.calls.map(([text]) => String(text))).toEqual([expect.stringContaining(message)]);
      expect(String(warn.mock.calls[0]![0])).toContain("What was read before is served on.");
      expect(table.current).toBe(before);
      writeCandidates(file, { ...BOUGHT, lists: [[1, [78], [1]]] });
      await vi.waitFor(() => expect(table.current).not.toBe(before));
      expect(warn).toHaveBeenCalledTimes(1);
    } finally {
      table.close();
      warn.mockRestore();
    }
  });
});
