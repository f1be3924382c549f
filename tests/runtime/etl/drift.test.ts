/** The drift of two data sets: figures against SciPy and numpy, what is named, and the command's exit status. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { dataStats } from "#runtime/etl/stats.js";
import { merlon } from "../../cli/merlon-command.js";
import { fitCells, inFolder } from "./run-workflow.js";
import { type Cells, writeParquet } from "./table-values.js";
import { schemaOf, workflowPlan } from "./workflow-plan.js";

vi.setConfig({ testTimeout: 60_000 });

interface Expected {
  readonly a: readonly (number | null)[];
  readonly b: readonly (number | null)[];
  readonly psi: number;
}
const { numbers, categories } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../fixtures/drift/expected.json"), "utf8"),
) as {
  readonly numbers: Readonly<Record<string, Expected & { readonly ks: number }>>;
  readonly categories: Readonly<
    Record<string, Expected & Readonly<Record<"added" | "lost", { readonly values: number; readonly share: number }>>>
  >;
};

/** Two files, `a.parquet` and `b.parquet`. */
const inSets = <T>(
  a: readonly [types: Readonly<Record<string, string>>, cells: Cells],
  b: typeof a,
  work: (sets: { readonly folder: string; readonly a: string; readonly b: string }) => Promise<T>,
) =>
  inFolder(async folder => {
    const files = { a: join(folder, "a.parquet"), b: join(folder, "b.parquet") };
    await writeParquet(files.a, schemaOf(a[0]), a[1]);
    await writeParquet(files.b, schemaOf(b[0]), b[1]);
    return work({ folder, ...files });
  });

const driftOf = (
  a: Parameters<typeof inSets>[0],
  b: Parameters<typeof inSets>[0],
  options: Parameters<typeof dataStats>[1] = {},
) => inSets(a, b, async sets => (await dataStats(sets.a, { ...options, against: sets.b })).drift!);

describe("figures", () => {
  test.each(Object.entries(numbers))("of numbers equal SciPy's and numpy's: %s", async (_, { a, b, psi, ks }) => {
    const [found] = await driftOf([{ x: "float64" }, { x: a }], [{ x: "float64" }, { x: b }]);
    expect(found!.psi).toBeCloseTo(psi, 9);
    expect(found!.ks).toBeCloseTo(ks, 12);
  });
  test.each(Object.entries(categories))("of texts equal numpy's: %s", async (_, { a, b, psi, added, lost }) => {
    const [found] = await driftOf([{ x: "string" }, { x: a }], [{ x: "string" }, { x: b }]);
    expect(found!.psi).toBeCloseTo(psi, 9);
    for (const [own, expected] of [
      [found!.categories!.added, added],
      [found!.categories!.lost, lost],
    ] as const) {
      expect(own.values).toBe(expected.values);
      expect(own.share).toBeCloseTo(expected.share, 12);
    }
  });
  test("of NaN and infinities are those of nulls and of the ends", async () => {
    const [found] = await driftOf(
      [{ x: "float64" }, { x: [1, 2, 3, null] }],
      [{ x: "float64" }, { x: ["-inf", 2, "inf", null] }],
    );
    expect(found!.ks).toBeCloseTo(1 / 3, 12);
    expect(found!.psi).toBeGreaterThanOrEqual(0);
  });
  test("of a list are of its values and of its lengths", async () => {
    const types = { x: "list<int64>" };
    const of = (length: number) => ({ x: Array.from({ length: 60 }, () => Array(length).fill(1) as number[]) });
    const [found] = await driftOf([types, of(2)], [types, of(5)]);
    expect(found).toMatchObject({ psi: 0, ks: 0, lengths: { ks: 1 }, verdict: "another population" });
  });
});

const SAME = { id: [1, 2, 3, 4, 5, 6], name: ["x", "x", "y", "y", "z", null], price: [1, 2, 3, 4, 5, 6] };
const TYPES = { id: "int64", name: "string", price: "float64" };

describe("ids", () => {
  test("are numbers, unless they are named", async () => {
    const moved = { ...SAME, id: [1, 2, 3, 4, 5, 700] };
    const of = async (ids: readonly string[]) =>
      (await driftOf([TYPES, SAME], [TYPES, moved], { ids })).find(({ name }) => name === "id")!;
    expect((await of([])).categories).toBeUndefined();
    expect((await of(["id"])).categories).toEqual({
      added: { values: 1, share: 1 / 6, top: [{ value: "700", count: 1 }] },
      lost: { values: 1, share: 1 / 6, top: [{ value: "6", count: 1 }] },
    });
  });
  test("of a workflow's vocabulary: the share that it does not know, of each set", async () => {
    await inSets(
      [TYPES, SAME],
      [TYPES, { ...SAME, name: ["x", "x", "q", "q", "q", "z"] }],
      async ({ folder, a, b }) => {
        const plan = workflowPlan({ id: "int64", name: "string" }, [
          { op: "categorify", params: {}, columns: ["id", "name"] },
        ]);
        await fitCells(folder, plan, { id: SAME.id.slice(0, 3), name: SAME.name.slice(0, 4) });
        const { drift } = await dataStats(a, { against: b, workflow: join(folder, "fitted") });
        const unknown = Object.fromEntries(drift!.map(({ name, categories: found }) => [name, found?.unknown]));
        expect(unknown).toEqual({ id: [0.5, 0.5], name: [1 / 5, 4 / 6], price: undefined });
      },
    );
  });
});

describe("the command", () => {
  const shifted = { price: SAME.price.map(price => price + 100), name: SAME.name, extra: SAME.id };
  const sets: Parameters<typeof inSets> = [
    [TYPES, SAME],
    [{ price: "float64", name: "string", extra: "int64" }, shifted],
    async () => undefined,
  ];
  test("fails above a drift, and names each column", async () => {
    await inSets(sets[0], sets[1], async ({ folder }) => {
      const run = (...options: string[]) =>
        merlon(folder, "stats", "a.parquet", "--against", "b.parquet", "--fail-above", "0.25", ...options);
      const failed = await run("--json");
      expect(failed.status).toBe(1);
      expect(failed.err).toMatch(/^✘ drift above 0\.25: `price` \(\d+\.\d{3}\)\.\n$/);
      expect(JSON.parse(failed.out)).toMatchObject({ onlyIn: { first: ["id"], second: ["extra"] } });
      expect((await run("--columns", "name")).status).toBe(0);
    });
  });
});
