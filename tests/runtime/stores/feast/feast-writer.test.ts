import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type { FeastRepositoryDescription } from "#runtime/stores/feast/describe.js";
import { writeFeastRepository } from "#runtime/stores/feast/write-repository.js";
import "../../../needs/built.js";
import { python } from "../../../needs/python.js";

const script = fileURLToPath(new URL("../../../oracles/feast/read_repository.py", import.meta.url));
const folders: string[] = [];
const folder = () => {
  folders.push(mkdtempSync(join(tmpdir(), "merlon-feast-")));
  return folders.at(-1)!;
};
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true });
});

const description: FeastRepositoryDescription = {
  project: "shop",
  timestamp: 1_704_067_200,
  entities: [
    { name: "user", joinKey: "user_id", type: "INT64" },
    { name: "item", joinKey: "item_code", type: "STRING" },
  ],
  views: [
    {
      name: "user_features",
      entities: ["user"],
      ttlSeconds: 86_400,
      features: [
        { name: "age", type: "INT32" },
        { name: "city", type: "STRING" },
        { name: "purchased_ids", type: "INT64_LIST" },
        { name: "score", type: "FLOAT" },
        { name: "ratio", type: "DOUBLE" },
        { name: "active", type: "BOOL" },
        { name: "seen", type: "UNIX_TIMESTAMP" },
        { name: "weights", type: "FLOAT_LIST" },
        { name: "words", type: "STRING_LIST" },
      ],
      source: { name: "users", path: "data/users.parquet", timestampField: "ts" },
      rows: {
        user_id: BigInt64Array.of(1n, -2n, 9007199254740993n),
        age: [3, null, -5],
        city: ["a", "ü", ""],
        purchased_ids: { values: BigInt64Array.of(1n, -1n, 9007199254740993n), offsets: [0, 2, 2, 3] },
        score: Float32Array.of(0.1, 2, 3e10),
        ratio: [1e-7, 123456789.125, 1e16],
        active: [true, false, true],
        seen: [1_700_000_000, 0, 5],
        weights: [[0.5, 1.5], [], null],
        words: [["x", "ü"], [], ["z"]],
      },
    },
    {
      name: "item_features",
      entities: ["item"],
      features: [{ name: "price", type: "FLOAT" }],
      source: { name: "items", path: "data/items.parquet", timestampField: "ts" },
      rows: { item_code: ["k1", "k2"], price: [1.5, null] },
    },
  ],
};

describe("a repository written here", () => {
  test("Feast opens it and answers the same values", () => {
    const out = folder();
    writeFeastRepository(out, description);
    const answers = JSON.parse(
      execFileSync(
        python(),
        [script, out, '{"user_features": [1, -2, 9007199254740993, 7], "item_features": ["k1", "k2", "k3"]}'],
        { encoding: "utf8" },
      ),
    );
    expect(answers).toEqual({
      user_features: {
        age: ["3", null, "-5", null],
        city: ["a", "ü", "", null],
        purchased_ids: [["1", "-1"], [], ["9007199254740993"], null],
        score: [Math.fround(0.1), 2, Math.fround(3e10), null],
        ratio: [1e-7, 123456789.125, 1e16, null],
        active: [true, false, true, null],
        seen: ["1700000000", "0", "5", null],
        weights: [[0.5, 1.5], [], null, null],
        words: [["x", "ü"], [], ["z"], null],
      },
      item_features: { price: [1.5, null, null] },
    });
  });

  test("the rows are the bytes that Feast writes for the same values", () => {
    const out = folder();
    writeFeastRepository(out, description);
    execFileSync(python(), [script, out, '{"user_features": [1, -2, 9007199254740993]}', "--compare"], {
      encoding: "utf8",
    });
  });
});
