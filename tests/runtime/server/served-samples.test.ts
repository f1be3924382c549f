// Ensembles with forests, and with every way of ordering, compiled, built and called over HTTP.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { build, compile } from "#compiler/index.js";
import type { CandidateStory } from "#runtime/engine/explain/explain-candidates.js";
import { serve } from "#runtime/server/index.js";

const SAMPLES = join(import.meta.dirname, "../../samples");
const FIXTURES = join(import.meta.dirname, "../../fixtures/forest");
const folder = mkdtempSync(join(tmpdir(), "merlon-served-"));
const closers: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closers) await close();
  rmSync(folder, { recursive: true, force: true });
});

/** Serves a sample; sends it JSON columns of full shape. */
async function served(sample: string, model: string, layout: "executor" | "ensemble") {
  const out = join(folder, `${sample}-${layout}`);
  const compiled = await compile(join(SAMPLES, sample, "main.ensemble.ts"));
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]?.message);
  build(compiled, out, { layout });
  const server = await serve({
    modelRepositories: [out],
    http: { port: 0, address: "127.0.0.1" },
    grpc: false,
    metrics: false,
    writeLog: () => {},
  });
  closers.push(() => server.stop());
  return async (
    inputs: readonly { name: string; shape: number[]; datatype: string; data: unknown[] }[],
    parameters: Readonly<Record<string, unknown>> = {},
    tell: (told: Readonly<Record<string, unknown>>) => void = () => {},
  ) => {
    const response = await fetch(`http://127.0.0.1:${server.ports.http}/v2/models/${model}/infer`, {
      method: "POST",
      body: JSON.stringify({ inputs, parameters }),
    });
    const answer = (await response.json()) as {
      readonly error?: string;
      readonly parameters?: Readonly<Record<string, unknown>>;
      readonly outputs: readonly { name: string; shape: number[]; data: number[] }[];
    };
    if (answer.error) throw new Error(answer.error);
    tell(answer.parameters ?? {});
    return Object.fromEntries(answer.outputs.map(({ name, shape, data }) => [name, { shape, data }]));
  };
}

test.each(["executor", "ensemble"] as const)("forests answer what their libraries predict: layout %s", async layout => {
  const ask = await served("ensemble-forest", "forests", layout);
  const { rows, cases } = JSON.parse(readFileSync(join(FIXTURES, "cases.json"), "utf8")) as {
    readonly rows: readonly (readonly (number | null)[])[];
    readonly cases: readonly { readonly file: string; readonly predicted: readonly number[][] }[];
  };
  // Integers have no null on the wire: rows that miss one are left out.
  const whole = rows.map((row, i) => ({ row, i })).filter(({ row }) => row.every(value => value !== null));
  expect(whole.length).toBeGreaterThan(50);
  const column = (name: string, at: number, datatype: string) => ({
    name,
    datatype,
    shape: [whole.length, 1],
    data: whole.map(({ row }) => (datatype === "BOOL" ? row[at] === 1 : row[at]!)),
  });
  const answer = await ask([
    column("age", 0, "FP32"),
    column("price", 1, "FP32"),
    column("visits", 2, "INT64"),
    column("stock", 3, "BOOL"),
    column("brand", 4, "INT32"),
  ]);
  for (const [output, file] of [
    ["chance", "xgboost-logistic.json"],
    ["classes", "lightgbm-multiclass.txt"],
  ] as const) {
    const expected = whole.flatMap(({ i }) => cases.find(c => c.file === file)!.predicted[i]!);
    answer[output]!.data.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 5);
    });
    expect(answer[output]!.data).toHaveLength(expected.length);
  }
});

/** Three users of the sample of orderings, the third of whom may see nothing. */
const users = [
  { query: [1, 0, 0, 0], seen: [1, 2], hidden: [], licensed: Array.from({ length: 60 }, (_, i) => i) },
  { query: [0, 1, 0.5, 0], seen: [], hidden: [5], licensed: Array.from({ length: 40 }, (_, i) => i + 10) },
  { query: [-1, 0.2, 0, 1], seen: [], hidden: [], licensed: [] },
];
const ragged = (name: string, lists: readonly (readonly number[])[]) => {
  const offsets = [0];
  for (const list of lists) offsets.push(offsets.at(-1)! + list.length);
  return [
    { name: `${name}__values`, datatype: "INT64", shape: [offsets.at(-1)!], data: lists.flat() },
    { name: `${name}__offsets`, datatype: "INT32", shape: [offsets.length], data: offsets },
  ];
};
const request = (some: typeof users) => [
  { name: "query", datatype: "FP32", shape: [some.length, 4], data: some.flatMap(u => u.query) },
  ...ragged(
    "seen",
    some.map(u => u.seen),
  ),
  ...ragged(
    "hidden",
    some.map(u => u.hidden),
  ),
  ...ragged(
    "licensed",
    some.map(u => u.licensed),
  ),
];
type Answer = Awaited<ReturnType<Awaited<ReturnType<typeof served>>>>;
const lists = (answer: Answer, name: string) => {
  const { data: offsets } = answer[`${name}__offsets`]!;
  return offsets.slice(1).map((end, i) => answer[`${name}__values`]!.data.slice(offsets[i], end));
};

test.each(["executor", "ensemble"] as const)(
  "a batch is ordered as its users are one by one: layout %s",
  async layout => {
    const ask = await served("ensemble-ordering", "orderings", layout);
    const batch = await ask(request(users));
    for (const name of ["best_ordered_ids", "best_ordered_scores", "capped_ordered_ids", "varied_ordered_ids"]) {
      const one = [];
      for (const user of users) one.push(lists(await ask(request([user])), name)[0]);
      expect(lists(batch, name)).toEqual(one);
    }
    const best = lists(batch, "best_ordered_ids");
    expect(best[0]).toHaveLength(3);
    expect(best[0]!.some(id => [1, 2].includes(id))).toBe(false);
    // Nothing is licensed to the last.
    expect(best[2]).toEqual([]);
    expect(lists(batch, "varied_ordered_ids")[0]).toHaveLength(3);
  },
);

test("the answer to `explain` accounts for every candidate", async () => {
  const ask = await served("ensemble-ordering", "orderings", "executor");
  let told: readonly (readonly CandidateStory[])[] = [];
  await ask(request(users), { explain: true }, parameters => {
    told = JSON.parse(parameters.explain as string) as typeof told;
  });
  expect(told).toHaveLength(3);
  expect(told[0]).toHaveLength(20);
  expect(told[0]!.map(c => c.rank)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  for (const [row, stories] of told.entries())
    for (const { id, from, droppedBy, scores } of stories) {
      const { seen, hidden, licensed }: Readonly<Record<string, readonly number[]>> = users[row]!;
      const kept = !seen.includes(id as number) && !hidden.includes(id as number) && licensed.includes(id as number);
      expect(from).toBe("found.queryFaiss");
      expect(droppedBy === "allowed.filterCandidates").toBe(!kept);
      if (kept && droppedBy !== "cheap.filter") expect(scores).toHaveProperty(["mixed.mixScores.mixed_score"]);
    }
  expect(told[0]!.filter(c => c.droppedBy === undefined).map(c => c.id)).toEqual(
    expect.arrayContaining(lists(await ask(request(users)), "best_ordered_ids")[0]!),
  );
});

test.each(["executor", "ensemble"] as const)("a matrix, a constant and padded lists: layout %s", async layout => {
  const ask = await served("ensemble-matrix", "matrix", layout);
  const answer = await ask([
    { name: "age", datatype: "FP32", shape: [3], data: [1, 2, 3] },
    { name: "visits", datatype: "INT32", shape: [3], data: [10, 20, 30] },
    { name: "stock", datatype: "FP64", shape: [3], data: [0.5, 0.25, 0] },
    { name: "history__values", datatype: "INT64", shape: [3], data: [100, 200, 300] },
    { name: "history__offsets", datatype: "INT32", shape: [4], data: [0, 2, 2, 3] },
  ]);
  expect(answer.score!.data).toEqual([(1 + 10 + 0.5 + 300) / 2, (2 + 20 + 0.25) / 2, (3 + 30 + 300) / 2]);
});

test("popular items are the fallback when the index fails, and the response reports it", async () => {
  const ask = await served("ensemble-fallback", "careful", "executor");
  const request = (...queries: readonly (readonly number[])[]) => {
    const n = queries.length;
    const offsets = (each: number) => Array.from({ length: n + 1 }, (_, i) => each * i);
    return [
      { name: "query", datatype: "FP32", shape: [n, 4], data: queries.flat() },
      { name: "popular_ids__values", datatype: "INT64", shape: [3 * n], data: queries.flatMap(() => [7, 8, 9]) },
      { name: "popular_ids__offsets", datatype: "INT32", shape: [n + 1], data: offsets(3) },
      { name: "seen__values", datatype: "INT64", shape: [n], data: queries.map(() => 8) },
      { name: "seen__offsets", datatype: "INT32", shape: [n + 1], data: offsets(1) },
    ];
  };
  let told: Readonly<Record<string, unknown>> = {};
  const tell = (parameters: typeof told) => {
    told = parameters;
  };
  expect((await ask(request([1, 0, 0, 0]), { timings: true }, tell)).filtered_ids__values!.data).toHaveLength(20);
  expect(told).not.toHaveProperty(["fallback.found.fallback"]);
  // JSON has no NaN: a number beyond float32 is an infinity, which the index refuses.
  expect((await ask(request([1e39, 0, 0, 0]), { timings: true }, tell)).filtered_ids__values!.data).toEqual([7, 9]);
  expect(told).toHaveProperty(["fallback.found.fallback"], expect.stringContaining("nearest.queryFaiss"));
  // One user's fault is not the others': who has a query keeps the index.
  const both = await ask(request([1, 0, 0, 0], [1e39, 0, 0, 0], [0, 1, 0, 0]), { timings: true }, tell);
  expect(both.filtered_ids__offsets!.data).toEqual([0, 20, 22, 42]);
  expect(both.filtered_ids__values!.data.slice(20, 22)).toEqual([7, 9]);
  expect(told).toHaveProperty(
    ["fallback.found.fallback"],
    expect.stringMatching(/^row 1 of the request, run alone: step `nearest\.queryFaiss`/),
  );
  expect(told).toHaveProperty(["timing.nearest.queryFaiss"]);
});

test.each(["executor", "ensemble"] as const)(
  "several sources are merged in turn, a narrowed one too: layout %s",
  async layout => {
    const ask = await served("ensemble-merge", "merged", layout);
    interface User {
      readonly query: readonly number[];
      readonly popular_ids: readonly number[];
      readonly bought_together: readonly number[];
      readonly seen: readonly number[];
    }
    const merged = async (users: readonly User[]): Promise<number[][]> => {
      const lists = (name: "popular_ids" | "bought_together" | "seen") => {
        const offsets = [0];
        for (const user of users) offsets.push(offsets.at(-1)! + user[name].length);
        const data = users.flatMap(user => user[name]);
        return [
          { name: `${name}__values`, datatype: "INT64", shape: [data.length], data },
          { name: `${name}__offsets`, datatype: "INT32", shape: [offsets.length], data: offsets },
        ];
      };
      const query = { name: "query", datatype: "FP32", shape: [users.length, 4], data: users.flatMap(u => u.query) };
      const answer = await ask([query, ...lists("popular_ids"), ...lists("bought_together"), ...lists("seen")]);
      const { data: offsets } = answer.filtered_ids__offsets!;
      return users.map((_, i) => answer.filtered_ids__values!.data.slice(offsets[i], offsets[i + 1]));
    };
    const none = { popular_ids: [], bought_together: [], seen: [] };
    const queries = [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 1],
    ];
    const nearest = await merged(queries.map(query => ({ query, ...none })));
    expect(nearest.map(ids => ids.length)).toEqual([20, 20, 20]);
    const users = queries.map((query, i) => ({
      query,
      popular_ids: [[901, 902], [], [nearest[2]![0]!, 903, 903]][i]!,
      bought_together: [[], [nearest[1]![1]!, 904], [905, 901]][i]!,
      seen: [[902], [904], []][i]!,
    }));
    const expected = users.map(({ popular_ids, bought_together, seen }, i) => {
      const sources = [nearest[i]!, bought_together.filter(id => !seen.includes(id)), popular_ids];
      const turns = Array.from({ length: 20 }, (_, turn) => sources.flatMap(source => source.slice(turn, turn + 1)));
      return [...new Set(turns.flat())].slice(0, 22).filter(id => !seen.includes(id));
    });
    expect(await merged(users)).toEqual(expected);
    // A user's answer is the same alone.
    for (const [i, user] of users.entries()) expect(await merged([user])).toEqual([expected[i]]);
  },
);

test("a source that fails for a user is left out for that user, and the response reports it", async () => {
  const ask = await served("ensemble-sources", "sources", "executor");
  const list = (name: string, data: readonly number[], offsets: readonly number[]) => [
    { name: `${name}__values`, datatype: "INT64", shape: [data.length], data: [...data] },
    { name: `${name}__offsets`, datatype: "INT32", shape: [offsets.length], data: [...offsets] },
  ];
  let told: Readonly<Record<string, unknown>> = {};
  const tell = (parameters: typeof told) => {
    told = parameters;
  };
  // The matrix has 40 users.
  const answer = await ask(
    [
      { name: "query", datatype: "FP32", shape: [2, 4], data: [1, 0, 0, 0, 1, 0, 0, 0] },
      { name: "user_row", datatype: "INT64", shape: [2], data: [3, 4_000] },
      { name: "town", datatype: "BYTES", shape: [2], data: ["nowhere", "nowhere"] },
      ...list("popular_ids", [901, 902, 901, 902], [0, 2, 4]),
      ...list("bought_together", [], [0, 0, 0]),
      ...list("seen", [], [0, 0, 0]),
    ],
    { explain: true },
    tell,
  );
  const { data: offsets } = answer.candidate_ids__offsets!;
  const bits = (row: number) => answer.source__values!.data.slice(offsets[row], offsets[row + 1]);
  expect(bits(0).some(bit => bit & 2)).toBe(true);
  expect(bits(1).some(bit => bit & 2)).toBe(false);
  // 12 of `near` at most, and at least 2 of the lists.
  for (const row of [0, 1]) expect(bits(row).filter(bit => bit === 4)).toHaveLength(2);
  expect(bits(1)).toHaveLength(14);
  expect(told["left_out.merged.mergeCandidates"]).toMatch(
    /^factors: row 1 of the request, run alone: step `factors[^`]*` \(predictImplicit\)/,
  );
  const stories = JSON.parse(told.explain as string) as { also?: { from: string }[]; from: string }[][];
  expect(
    stories[0]!.some(({ from, also }) => from.startsWith("nearest") && also?.[0]?.from.startsWith("factors")),
  ).toBe(true);
  expect(stories[1]!.some(({ from, also }) => from.startsWith("factors") || also?.length)).toBe(false);
});

test("a split answers each user's arm, names it, and takes the arm that a request names", async () => {
  const ask = await served("ensemble-arms", "arms", "executor");
  const users = Array.from({ length: 40 }, (_, i) => i);
  const request = (ids: readonly number[]) => [
    { name: "user_id", shape: [ids.length], datatype: "INT64", data: [...ids] },
    { name: "query", shape: [ids.length, 4], datatype: "FP32", data: ids.flatMap(() => [1, 0, 0, 0]) },
    { name: "popular_ids__values", shape: [ids.length], datatype: "INT64", data: ids.map(() => 999) },
    {
      name: "popular_ids__offsets",
      shape: [ids.length + 1],
      datatype: "INT32",
      data: [0, ...ids.map((_, i) => i + 1)],
    },
  ];
  let told: Readonly<Record<string, unknown>> = {};
  /** The candidates of each user. */
  const call = async (ids: readonly number[], parameters = {}) => {
    const answer = await ask(request(ids), parameters, seen => {
      told = seen;
    });
    const { data: offsets } = answer.candidate_ids__offsets!;
    return ids.map((_, i) => answer.candidate_ids__values!.data.slice(offsets[i], offsets[i + 1]));
  };
  const batch = await call(users);
  const arms = JSON.parse(told.arm as string) as string[];
  expect(new Set(arms)).toEqual(new Set(["control", "treatment"]));
  for (const user of users) {
    expect(batch[user], `user ${user}`).toHaveLength(arms[user] === "treatment" ? 20 : 1);
    // Alone, a user has the same arm, and its name without a list.
    expect(await call([user])).toEqual([batch[user]]);
    expect(told).toEqual({ arm: arms[user] });
  }
  for (const arm of ["control", "treatment"]) {
    const [found] = await call([0], { arm });
    expect([found!.length, told]).toEqual([arm === "treatment" ? 20 : 1, { arm }]);
  }
  await expect(call([0], { arm: "ranking" })).rejects.toThrow(
    "step `found.split` (split): parameter 'arm' is \"ranking\"; the arms are 'control', 'treatment'",
  );
});
