/** Features of a store at one moment, against a model of the same store. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { Step } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { freezeFeatures } from "#runtime/stores/feast/freeze-features.js";
import { FEATURE_STATUS } from "#runtime/stores/feast/store.js";
import { writeFeastRepository } from "#runtime/stores/feast/write-repository.js";
import { makeStep, plain } from "../../../operators/step.js";

const root = mkdtempSync(join(tmpdir(), "merlon-freeze-"));
afterAll(() => rmSync(root, { recursive: true }));

const NOW = 1_700_000_000;
const cells = fc.record({
  user: fc.bigInt({ min: -3n, max: 9n }),
  shop: fc.constantFrom("", "north", "süd"),
  age: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  tags: fc.option(fc.array(fc.string({ maxLength: 3 }), { maxLength: 3 })),
  seconds: fc.integer({ min: NOW - 100, max: NOW }),
});
type Cells = typeof cells extends fc.Arbitrary<infer T> ? T : never;

function repositoryOf(rows: readonly Cells[], ttlSeconds?: number): string {
  const folder = mkdtempSync(join(root, "r-"));
  writeFeastRepository(folder, {
    ...{ project: "p", timestamp: NOW },
    entities: [
      { name: "user", joinKey: "user_id", type: "INT64" },
      { name: "shop", joinKey: "shop", type: "STRING" },
    ],
    views: [
      {
        ...{ name: "visits", entities: ["user", "shop"], ...(ttlSeconds !== undefined && { ttlSeconds }) },
        source: { name: "s", path: "s.parquet", timestampField: "ts" },
        features: [
          { name: "age", type: "INT64" },
          { name: "tags", type: "STRING_LIST" },
        ],
        eventSeconds: rows.map(({ seconds }) => seconds),
        rows: {
          user_id: rows.map(({ user }) => user),
          shop: rows.map(({ shop }) => shop),
          age: rows.map(({ age }) => age),
          tags: rows.map(({ tags }) => tags),
        },
      },
    ],
  });
  return folder;
}

const stepOf = (params: Partial<Step<"queryFeast">["params"]>): Step<"queryFeast"> =>
  makeStep("queryFeast", {
    params: {
      ...{ repository: "r", view: "visits", entityColumn: { user_id: "who", shop: "where" }, onMissing: "null" },
      ...{ features: { years: "age", words: "tags" } },
      ...params,
    } as never,
    inputs: { input: ["where", "who"] },
    outputs: [column("words", "string", { list: { min: 0, max: null } }), column("years", "int64")],
  });

/** Key → status and value of each column. */
function readBack({ views: [view] }: ReturnType<typeof freezeFeatures>): Map<string, unknown> {
  const { entities, keys, features } = view!;
  const columns = features.map(({ dtype, values, offsets, status }) => {
    expect(status.length).toBe(entities);
    // The values have a last row, of unknown entities.
    const read = plain({ dtype, rows: rootRows(entities), values, ...(offsets && { offsets }) });
    return read.map((value, i) => [status[i], status[i] === FEATURE_STATUS.present ? value : null]);
  });
  const names = Array.from({ length: entities }, (_, i) => keys.map(({ values }) => values[i]).join(" "));
  return new Map(names.map((name, i) => [name, columns.map(of => of[i])]));
}

const rowsOf = fc.uniqueArray(cells, { maxLength: 8, selector: ({ user, shop }) => `${user} ${shop}` });

test("every entity is there with its values, its keys, and outdated ones", () => {
  const ttls = fc.constantFrom<number | true | undefined>(50, true, undefined);
  fc.assert(
    fc.property(rowsOf, ttls, fc.constantFrom(undefined, 30), (rows, ttl, ofView) => {
      const folder = repositoryOf(rows, ofView);
      const frozen = freezeFeatures(stepOf(ttl === undefined ? {} : { ttl }), folder, NOW);
      const seconds = ttl === true ? (ofView ?? null) : (ttl ?? null);
      const times = rows.map(row => row.seconds);
      expect(frozen).toMatchObject({ taken: NOW, ids: { user_id: 1, shop: 0 }, views: [{ view: "visits" }] });
      expect(frozen.views[0]).toMatchObject({
        ...{ entities: rows.length, ttlSeconds: seconds },
        newest: rows.length > 0 ? Math.max(...times) : null,
        oldest: rows.length > 0 ? Math.min(...times) : null,
      });
      const { keys, features } = frozen.views[0]!;
      expect(keys.map(({ name, input, dtype }) => [name, input, dtype])).toEqual([
        ["user_id", 1, "int64"],
        ["shop", 0, "string"],
      ]);
      expect(new Map(features.map(({ column: name, dtype, missing }) => [name, [dtype, missing]]))).toEqual(
        new Map<string, unknown>([
          ["years", ["int64", "null"]],
          ["words", ["string", "null"]],
        ]),
      );
      const order = features.map(({ column: name }) => (name === "years" ? "age" : "tags") as "age" | "tags");
      const cellOf = (row: Cells, name: "age" | "tags") => {
        if (seconds !== null && row.seconds + seconds < NOW) return [FEATURE_STATUS.outdated, null];
        return row[name] === null ? [FEATURE_STATUS.null, null] : [FEATURE_STATUS.present, row[name]];
      };
      expect(readBack(frozen)).toEqual(
        new Map(rows.map(row => [`${row.user} ${row.shop}`, order.map(name => cellOf(row, name))])),
      );
    }),
    { numRuns: 40 },
  );
});

describe("a missing feature", () => {
  test("has the rule of its column, and a default in its type", () => {
    const onMissing = { years: { default: 7 }, tags: "error" } as const;
    const { views } = freezeFeatures(stepOf({ onMissing }), repositoryOf([]), NOW);
    expect(new Map(views[0]!.features.map(({ column: name, missing }) => [name, missing]))).toEqual(
      new Map<string, unknown>([
        ["years", { default: BigInt64Array.of(7n) }],
        ["words", "error"],
      ]),
    );
  });
});

test("a store that cannot be read as a whole is named", () => {
  const folder = repositoryOf([]);
  const yaml = join(folder, "feature_store.yaml");
  const written = readFileSync(yaml, "utf8");
  writeFileSync(
    yaml,
    written.replace(/online_store:(?:\n +.*)+/, "online_store:\n  type: redis\n  connection_string: localhost:1"),
  );
  expect(() => freezeFeatures(stepOf({}), folder, NOW)).toThrow(
    `the features of ${folder} are in a store of type redis, which can not be read as a whole.`,
  );
  writeFileSync(yaml, written);
  expect(readFeastRepository(folder).onlineStore.type).toBe("sqlite");
  rmSync(join(folder, "data", "online_store.db"));
  expect(() => freezeFeatures(stepOf({}), folder, NOW)).toThrow(join(folder, "data", "online_store.db"));
});
