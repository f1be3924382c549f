/** Tables of candidates from events: as pandas makes them (tests/oracles/candidates), and what is refused. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readCandidateTable } from "#formats/tables/candidate-table.js";
import { buildCandidates, type CandidateOptions } from "#runtime/etl/candidates.js";

const FIXTURES = join(import.meta.dirname, "../../fixtures/candidates");
const EVENTS = join(FIXTURES, "events.jsonl");
const folder = mkdtempSync(join(tmpdir(), "merlon-candidates-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Case {
  readonly kind: CandidateOptions["kind"];
  readonly options: Omit<CandidateOptions, "kind">;
  readonly lists: Readonly<Record<string, readonly [readonly (number | string)[], readonly number[]]>>;
}
const CASES = JSON.parse(readFileSync(join(FIXTURES, "expected.json"), "utf8")) as readonly Case[];

test.each(CASES.map(one => [`${one.kind} ${JSON.stringify(one.options)}`, one] as const))("%s", async (_, one) => {
  const out = join(folder, "table.candidates");
  const made = await buildCandidates([EVENTS], out, { kind: one.kind, ...one.options });
  const { keys, starts, ids, scores } = readCandidateTable(out);
  const plain = (value: unknown): unknown => (typeof value === "bigint" ? Number(value) : value);
  const lists = Object.fromEntries(
    Array.from(keys.values as ArrayLike<unknown>, (key, i) => [
      String(key),
      [
        Array.from(ids.values.slice(starts[i], starts[i + 1]) as ArrayLike<unknown>, plain),
        Array.from(scores!.slice(starts[i], starts[i + 1])),
      ],
    ]),
  );
  expect(Object.keys(lists).sort()).toEqual(Object.keys(one.lists).sort());
  for (const [key, [wanted, wantedScores]] of Object.entries(one.lists)) {
    expect([key, lists[key]![0]]).toEqual([key, wanted]);
    expect(lists[key]![1]).toEqual(wantedScores.map(score => expect.closeTo(score, 5)));
  }
  expect(made).toMatchObject({ keys: Object.keys(lists).length, rows: ids.values.length, cut: 0 });
  expect(made.events.rows).toBe(600);
});

describe("what is refused, with its column and row, and the table that was there stays", () => {
  const base = { kind: "popular", item: "item", minSupport: 1, topk: 3 } as const;
  const lines = (rows: readonly object[]): string => {
    const file = join(folder, "some.jsonl");
    writeFileSync(file, rows.map(row => `${JSON.stringify(row)}\n`).join(""));
    return file;
  };
  const rows = [
    { item: 1, country: "be", time: 5, weight: 0.5 },
    { item: 2, country: null, time: 7, weight: 1.5 },
    { item: null, country: "be", time: null, weight: 1 },
  ];
  test.each([
    ["a column that is not there", { ...base, item: "itm" }, /`itm`/],
    [
      "an item that is not an id",
      { ...base, item: "weight" },
      /column `weight` is DOUBLE; keys, users and items are integers or texts/,
    ],
    ["a time that is a text", { ...base, time: "country" }, /column `country` is VARCHAR; a time is a timestamp/],
    ["a time that is a null", { ...base, time: "time" }, /column `time` holds a null in row 2/],
    ["too much support", { ...base, minSupport: 9 }, /no item has 9 events in the window. Lower `--min-support`/],
    [
      "pairs that nobody makes",
      { ...base, kind: "cooccurrence", group: "time" } as const,
      /no item has 1 events together/,
    ],
  ])("%s", async (_, options, message) => {
    const out = join(folder, "kept.candidates");
    writeFileSync(out, "before");
    await expect(buildCandidates([lines(rows)], out, options)).rejects.toThrow(message);
    expect(readFileSync(out, "utf8")).toBe("before");
    expect(readdirSync(folder).filter(name => /staging|\.tmp/.test(name))).toEqual([]);
  });
  test("nulls are left out and counted; a large basket is cut to its latest items", async () => {
    const out = join(folder, "counted.candidates");
    const counted = await buildCandidates([lines(rows)], out, { ...base, by: "country" });
    expect(counted.events).toMatchObject({ rows: 3, nulls: 2, old: 0 });
    const basket = Array.from({ length: 30 }, (_, i) => ({ item: i, user: 1, time: i }));
    const cut = await buildCandidates([lines(basket)], out, {
      ...base,
      ...{ kind: "cooccurrence", group: "user", time: "time", mostItems: 4 },
    });
    expect(cut).toMatchObject({ cut: 1, keys: 4, items: 4, rows: 12 });
  });
});
