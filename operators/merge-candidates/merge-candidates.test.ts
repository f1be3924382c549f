/** The methods by numpy and by ranx (tests/oracles/ranx), users together and one by one. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { OpParamsInput } from "#contract/op-params.js";
import { type Column, rootRows } from "#runtime/base/columns/table.js";
import { candidates, column, grouped, run } from "../../tests/operators/step.js";
import { SOURCE_PORTS } from "./spec.js";

interface Case {
  readonly method: "roundRobin" | "rrf" | "weighted" | "max";
  readonly k?: number;
  readonly normalize?: "minMax" | "z" | "none";
  readonly weights?: readonly number[];
  readonly topk?: number;
  readonly quotas?: Readonly<Record<string, number>>;
  readonly floors?: Readonly<Record<string, number>>;
  readonly sources: readonly {
    readonly ids: readonly (readonly number[])[];
    readonly scores: readonly (readonly (number | string)[])[];
  }[];
  readonly expected: readonly {
    readonly ids: readonly number[];
    readonly scores: readonly (number | null)[];
    readonly source: readonly number[];
    readonly ranks: readonly (readonly number[])[];
  }[];
  readonly ranx?: readonly (readonly number[])[];
}

const CASES = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../tests/fixtures/ranx/fusion.json"), "utf8"),
) as readonly Case[];

const NUMBERS: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  "-inf": Number.NEGATIVE_INFINITY,
};
const read = (score: number | string): number => (typeof score === "number" ? score : NUMBERS[score]!);

function paramsOf({ method, k, normalize, topk, sources, ...own }: Case): OpParamsInput["mergeCandidates"] {
  return {
    method,
    keepSource: true,
    ...(k !== undefined && { k }),
    ...(normalize && { normalize }),
    ...(topk !== undefined && { topk }),
    sources: sources.map((_, s) => ({
      name: `s${s}`,
      ...(own.weights && { weight: own.weights[s]! }),
      ...(own.quotas?.[s] !== undefined && { quota: own.quotas[s] }),
      ...(own.floors?.[s] !== undefined && { floor: own.floors[s] }),
    })),
  };
}

async function merged(one: Case, users: readonly number[]): Promise<readonly unknown[][][]> {
  const rows = rootRows(users.length);
  const inputs: Record<string, readonly Column[]> = {};
  const names: Record<string, readonly string[]> = {};
  one.sources.forEach(({ ids, scores }, s) => {
    const own = candidates(
      "int64",
      users.map(u => ids[u]!),
      rows,
    );
    const values = Float32Array.from(users.flatMap(u => scores[u]!.map(read)));
    inputs[SOURCE_PORTS[s]!] = [own, { dtype: "float32", rows: own.rows, values }];
    names[SOURCE_PORTS[s]!] = [`ids${s}`, `scores${s}`];
  });
  const int32 = (name: string) => column(name, "int32", { rows: "s1" });
  const made = await run(
    "mergeCandidates",
    {
      params: paramsOf(one),
      inputs: names,
      outputs: [column("candidate_ids", "int64", { rows: "s1" }), int32("source")],
    },
    inputs,
  );
  return made.map(grouped);
}

test("every case of the fixtures, all users together", async () => {
  expect(CASES.length).toBeGreaterThan(80);
  let compared = 0;
  for (const one of CASES) {
    const users = one.expected.map((_, u) => u);
    const isScored = one.method !== "roundRobin";
    const [ids, bits, ...rest] = await merged(one, users);
    const scores = isScored ? rest.shift()! : undefined;
    const ranks = one.sources.map((_, s) => rest[2 * s]!);
    one.expected.forEach((wanted, u) => {
      expect({
        ids: ids![u],
        source: bits![u],
        ranks: ranks.map(rank => rank[u]),
        ...(scores && { scores: scores[u] }),
      }).toEqual({
        ids: wanted.ids.map(BigInt),
        source: wanted.source,
        ranks: wanted.ranks,
        ...(scores && { scores: wanted.scores.map(score => (score === null ? Number.NaN : expect.closeTo(score, 5))) }),
      });
      (one.ranx?.[u] ?? []).forEach((score, i) => {
        expect(scores![u]![i]).toBeCloseTo(score, 5);
        compared++;
      });
    });
    // A user's result does not depend on other users.
    for (const u of users) {
      const alone = await merged(one, [u]);
      expect(alone.map(col => col[0])).toEqual([ids, bits, ...(scores ? [scores] : []), ...rest].map(col => col![u]));
    }
  }
  expect(compared).toBeGreaterThan(500);
});

test("each source's own score is carried on, and those without a finite one are counted", async () => {
  const rows = rootRows(1);
  const near = candidates("int64", [[1, 2, 3]], rows);
  const bought = candidates("int64", [[3, 4]], rows);
  const floats = (of: Column, values: readonly number[]): Column => ({
    dtype: "float32",
    rows: of.rows,
    values: Float32Array.from(values),
  });
  const made = await run(
    "mergeCandidates",
    {
      params: { method: "weighted", normalize: "none", keepSource: true },
      inputs: { input: ["near", "near_score"], source2: ["bought", "bought_score"] },
      outputs: [column("candidate_ids", "int64", { rows: "s1" })],
    },
    {
      input: [near, floats(near, [0.5, Number.NaN, 0.25])],
      source2: [bought, floats(bought, [1, Number.POSITIVE_INFINITY])],
    },
  );
  expect(made.map(grouped)).toEqual([
    [[3n, 1n, 2n, 4n]],
    [[3, 1, 1, 2]],
    [[1.25, 0.5, Number.NaN, Number.NaN]],
    [[3, 1, 2, 0]],
    [[0.25, 0.5, Number.NaN, Number.NaN]],
    [[1, 0, 0, 2]],
    [[1, Number.NaN, Number.NaN, Number.POSITIVE_INFINITY]],
  ]);
});
