// Ensembles with forests, and with every way of ordering, compiled, built and called over HTTP.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { build, compile } from "#compiler/index.js";
import type { CandidateStory } from "#runtime/engine/explain/explain-candidates.js";
import { serve } from "#runtime/server/index.js";

const SAMPLES = join(import.meta.dirname, "../../samples");
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
