import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { strToU8, zipSync } from "fflate";
import { afterAll, describe, expect, test } from "vitest";
import { readImplicitFactors } from "#formats/tables/implicit.js";
import { column, grouped, lists, prepare, run, scalars } from "../../tests/operators/step.js";

const FIXTURES = join(import.meta.dirname, "..", "..", "tests", "fixtures", "implicit");
const { seen, cases } = JSON.parse(readFileSync(join(FIXTURES, "cases.json"), "utf8")) as {
  readonly seen: readonly (readonly number[])[];
  readonly cases: readonly {
    readonly file: string;
    readonly topk: number;
    readonly filtered: boolean;
    readonly ids: readonly (readonly number[])[];
    readonly scores: readonly (readonly number[])[];
  }[];
};
const folder = mkdtempSync(join(tmpdir(), "merlon-implicit-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const step = (file: string, params: { topk?: number; onMissing?: "error" | "empty" }, exclude = false) => ({
  params: { path: file, ...params },
  inputs: { input: ["user"], ...(exclude && { exclude: ["seen"] }) },
  outputs: [column("ids", "int64", { rows: "s1" }), column("scores", "float32", { rows: "s1" })],
  artefacts: { factors: file },
});

const npy = (descr: string, shape: string, data: Uint8Array, order = "False") => {
  const header = strToU8(`{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }\n`);
  const head = [0x93, ...strToU8("NUMPY"), 1, 0, header.length & 255, header.length >> 8, ...header];
  return new Uint8Array(Buffer.concat([Uint8Array.from(head), data]));
};

describe("answers what `recommend` of the library answers", () => {
  test.each(cases)("$file, top $topk, without seen items: $filtered", async ({ file, topk, filtered, ids, scores }) => {
    const users = scalars(
      "int64",
      ids.map((_, i) => i),
    );
    const liked = lists(
      "int64",
      ids.map((_, i) => seen[i]!),
      users.rows,
    );
    const made = await run(
      "predictImplicit",
      step(file, { topk }, filtered),
      { input: [users], ...(filtered && { exclude: [liked] }) },
      undefined,
      FIXTURES,
    );
    expect(grouped(made[0]!)).toEqual(ids.map(row => row.map(BigInt)));
    scores.flat().forEach((score, i) => {
      expect(Math.abs((made[1]!.values[i] as number) - score)).toBeLessThan(1e-6);
    });
  });
});

describe("users that the model does not have", () => {
  const users = scalars("int64", [1, 40, null, 2n ** 32n + 1n, -1, 2]);
  test("are refused with the place", async () => {
    await expect(run("predictImplicit", step("als.npz", {}), { input: [users] }, undefined, FIXTURES)).rejects.toThrow(
      "column `user`: 40 (row 1) is not a row of `als.npz`, which has 40 users",
    );
  });
  test("get no items where the author says so, and the others theirs", async () => {
    const kernel = await prepare("predictImplicit", step("als.npz", { topk: 3, onMissing: "empty" }), FIXTURES);
    const [ids] = await kernel.run({ input: [users] }, { seed: 1n, parameters: new Map() });
    const alone = async (user: number) =>
      grouped((await kernel.run({ input: [scalars("int32", [user])] }, { seed: 1n, parameters: new Map() }))[0]!)[0];
    expect(grouped(ids!)).toEqual([await alone(1), [], [], [], [], await alone(2)]);
    expect(await alone(1)).toHaveLength(3);
    await kernel.close?.();
  });
});

describe("files that hold no factors are refused by name", () => {
  const matrix = npy("<f4", "2, 2", new Uint8Array(16));
  const cases: readonly (readonly [string, Record<string, Uint8Array>, string])[] = [
    ["no items", { "user_factors.npy": matrix }, "has no array `item_factors`; it has user_factors"],
    ["objects", { "user_factors.npy": npy("|O", "2, 2", matrix), "item_factors.npy": matrix }, "holds |O"],
    [
      "another width",
      { "user_factors.npy": matrix, "item_factors.npy": npy("<f4", "1, 3", new Uint8Array(12)) },
      "users have 2 factors and items 3",
    ],
    [
      "cut off",
      { "user_factors.npy": matrix, "item_factors.npy": npy("<f4", "9, 2", new Uint8Array(12)) },
      "has 12 bytes for the shape (9, 2)",
    ],
    [
      "columns first",
      { "user_factors.npy": npy("<f4", "2, 2", new Uint8Array(16), "True"), "item_factors.npy": matrix },
      "is stored column by column",
    ],
    [
      "a vector of users",
      { "user_factors.npy": npy("<f4", "4,", new Uint8Array(16)), "item_factors.npy": matrix },
      "`user_factors` has the shape (4); expected a matrix with rows",
    ],
    [
      "items in three dimensions",
      { "user_factors.npy": matrix, "item_factors.npy": npy("<f4", "1, 2, 2", new Uint8Array(16)) },
      "`item_factors` has the shape (1, 2, 2); expected a matrix with rows",
    ],
    [
      "no users",
      { "user_factors.npy": npy("<f4", "0, 2", new Uint8Array(0)), "item_factors.npy": matrix },
      "`user_factors` has the shape (0, 2); expected a matrix with rows",
    ],
    ["no array", { "user_factors.npy": strToU8("hello"), "item_factors.npy": matrix }, "is no .npy array"],
  ];
  test.each(cases)("%s", (name, members, message) => {
    const file = join(folder, `${name}.npz`);
    writeFileSync(file, zipSync(members));
    expect(() => readImplicitFactors(file)).toThrow(message);
  });
});
