import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { column, context, type Item, plain, prepare, run, scalars } from "../../tests/operators/step.js";
import "../../tests/needs/built.js";

const folder = fileURLToPath(new URL("../../tests/fixtures/feast", import.meta.url));
const BIG = 9007199254740993n;
const TYPES = {
  user_id: "int64",
  age: "int32",
  big: "int64",
  score: "float32",
  ratio: "float64",
  city: "string",
  active: "bool",
  seen: "int64",
  purchased_ids: "int64",
  weights: "float32",
  words: "string",
  flags: "bool",
} as const;
const LISTS = new Set(["purchased_ids", "weights", "words", "flags"]);

type OnMissing =
  | "error"
  | "null"
  | { default: number | string }
  | Record<string, "error" | "null" | { default: number | string | number[] | string[] }>;

const step = (names: readonly (keyof typeof TYPES)[], onMissing: OnMissing = "error") => ({
  params: {
    repository: "features",
    view: "user_features",
    entityColumn: "user_id",
    features: Object.fromEntries(names.filter(n => n !== "user_id").map(n => [`u_${n}`, n])),
    onMissing,
  },
  inputs: { input: ["user_id"] },
  outputs: names.map(n =>
    column(n === "user_id" ? n : `u_${n}`, TYPES[n], LISTS.has(n) ? { list: { min: 0, max: null } } : {}),
  ),
  artefacts: { repository: "v3" },
});

const ask = async (keys: Item[], names: readonly (keyof typeof TYPES)[], onMissing?: OnMissing) =>
  (await run("queryFeast", step(names, onMissing), { input: [scalars("int64", keys)] }, context(), folder)).map(plain);

describe("queryFeast", () => {
  test("every type, the key itself, doubled and shuffled keys", async () => {
    const names = Object.keys(TYPES) as (keyof typeof TYPES)[];
    const f32 = Math.fround;
    expect(await ask([BIG, 1n, BIG, -2n, 1n], names)).toEqual([
      [BIG, 1n, BIG, -2n, 1n],
      [0, 31, 0, -5, 31],
      [7n, BIG, 7n, -1n, BIG],
      [f32(3e10), f32(0.1), f32(3e10), -2.5, f32(0.1)],
      [0, 1e-7, 0, 123456789.125, 1e-7],
      ["", "Basel", "", "Zürich", "Basel"],
      [1, 1, 1, 0, 1],
      [5n, 1700000000n, 5n, 0n, 1700000000n],
      [[-1n, 0n, 1n], [5n, BIG], [-1n, 0n, 1n], [7n], [5n, BIG]],
      [[1], [0.5, 1.5], [1], [0.25], [0.5, 1.5]],
      [["c", "", "d"], ["a", "ü"], ["c", "", "d"], ["b"], ["a", "ü"]],
      [[1], [1, 0], [1], [0], [1, 0]],
    ]);
  });

  test("unknown and null keys become null or NaN, and null lists", async () => {
    expect(await ask([99n, 1n, null], ["user_id", "age", "big", "score", "city", "purchased_ids"], "null")).toEqual([
      [99n, 1n, null],
      [null, 31, null],
      [null, BIG, null],
      [Number.NaN, Math.fround(0.1), Number.NaN],
      [null, "Basel", null],
      [null, [5n, BIG], null],
    ]);
  });

  test("defaults, feature by feature, by the column's name or the feature's", async () => {
    const onMissing = {
      u_age: { default: -1 },
      big: { default: 5 },
      score: "null" as const,
      u_city: { default: "?" },
      purchased_ids: { default: [1, 2] },
      u_words: { default: ["x"] },
    };
    expect(await ask([99n, 1n, null], ["age", "big", "score", "city", "purchased_ids", "words"], onMissing)).toEqual([
      [-1, 31, -1],
      [5n, BIG, 5n],
      [Number.NaN, Math.fround(0.1), Number.NaN],
      ["?", "Basel", "?"],
      [
        [1n, 2n],
        [5n, BIG],
        [1n, 2n],
      ],
      [["x"], ["a", "ü"], ["x"]],
    ]);
    expect(await ask([99n], ["age", "ratio"], { default: 3 })).toEqual([[3], [3]]);
  });
});

describe("faults", () => {
  const scratch = mkdtempSync(join(tmpdir(), "merlon-query-feast-"));
  afterAll(() => rmSync(scratch, { recursive: true }));

  test("an unknown entity names view, feature, key, column and row", async () => {
    await expect(ask([1n, 99n], ["age"])).rejects.toThrow(
      "view `user_features` has no entity with user_id 99 (column `user_id`, row 1). Decide with `onMissing` what `age` of an unknown entity becomes.",
    );
    await expect(ask([1n, null], ["age"])).rejects.toThrow(
      "has no entity with a null user_id (column `user_id`, row 1)",
    );
    await expect(ask([99n], ["age", "city"], { age: { default: 0 } })).rejects.toThrow(
      "has no entity with user_id 99 (column `user_id`, row 0). Decide with `onMissing` what `city` of",
    );
  });
  test("a truncated registry, a missing store, another kind of store", async () => {
    cpSync(join(folder, "v3"), join(scratch, "v3"), { recursive: true });
    const registry = join(scratch, "v3", "data", "registry.db");
    writeFileSync(registry, Buffer.from([0x0a, 0xff, 0x01, 0x02]));
    await expect(prepare("queryFeast", step(["age"]), scratch)).rejects.toThrow(
      /registry\.db is not a Feast registry: byte \d+ announces 255 bytes and only 1 follow/,
    );
    cpSync(join(folder, "v3", "data", "registry.db"), registry);
    rmSync(join(scratch, "v3", "data", "online_store.db"));
    await expect(prepare("queryFeast", step(["age"]), scratch)).rejects.toThrow(
      /the online store .*online_store\.db can not be opened/,
    );
    writeFileSync(
      join(scratch, "v3", "feature_store.yaml"),
      "project: shop\nregistry: data/registry.db\nonline_store:\n  type: dynamodb\n",
    );
    await expect(prepare("queryFeast", step(["age"]), scratch)).rejects.toThrow(
      "the online store is `dynamodb`, and only `sqlite`, `redis`, `remote` can be read.",
    );
  });
});
