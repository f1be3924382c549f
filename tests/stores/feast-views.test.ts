// Views that are not plain, in registries and stores that Feast wrote (tests/oracles/feast/make_views.py).
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { getFeatures } from "#runtime/stores/feast/get-features.js";
import { readFeastRepository } from "#triton-protos/artefacts/feast-repository.js";
import { fixture, repositoryOf } from "./every-type.js";

const feastAnswers = (name: string) =>
  JSON.parse(readFileSync(join(fixture(name), "answers.json"), "utf8")) as Record<string, Record<string, unknown[]>>;
const plain = (value: unknown) => (typeof value === "bigint" ? Number(value) : value);

describe.each(["views-0.31", "views-0.67"])("%s", name => {
  test("views of streams and labels, and one whose schema changed, are what Feast answers", async () => {
    const { user_id: _, ...columns } = feastAnswers(name).views!;
    for (const [column, values] of Object.entries(columns)) {
      const [view, feature] = column.split("__") as [string, string];
      const records = await getFeatures(fixture(name), { views: [view], keys: new Map([["user_id", ["1", "9"]]]) });
      expect(
        records.map(record => plain(record[feature])),
        column,
      ).toEqual(values);
      expect(records.map(record => plain(record.user_id))).toEqual([1, 9]);
    }
  });

  test("time to live, keys and sources stand at other places in a stream view", () => {
    const views = new Map(repositoryOf(name).registry.views.map(view => [view.name, view]));
    expect(views.get("stream")).toMatchObject({
      ttlSeconds: 30 * 86400,
      online: true,
      joinKeys: [{ name: "user_id", type: "INT64" }],
      source: { path: "data/rows.parquet", timestampColumn: "ts" },
    });
    expect(
      views
        .get("stream")!
        .features.map(f => f.name)
        .sort(),
    ).toEqual(["a", "b"]);
    expect(views.get("plain")).toMatchObject({ ttlSeconds: 3 * 86400, source: { path: "data/rows.parquet" } });
  });
});

test("a version is in the names of the store only where the repository says so", () => {
  const versioned = (repository: ReturnType<typeof readFeastRepository>) =>
    repository.registry.views.find(view => view.name === "plain")!.table;
  expect(versioned(repositoryOf("views-0.67"))).toBe("odd_plain_v1");
  const folder = mkdtempSync(join(tmpdir(), "merlon-feast-"));
  writeFileSync(
    join(folder, "feature_store.yaml"),
    `project: odd\nregistry: ${fixture("views-0.67")}/data/registry.db\nonline_store:\n  type: sqlite\n`,
  );
  expect(versioned(readFeastRepository(folder))).toBe("odd_plain");
});

test.each([
  [
    "registry:\n  registry_type: sql\n  path: postgresql://feast:secret@db:5432/feast",
    /the registry is `sql` at `postgresql:\/\/…@db:5432\/feast`, and only registry files can be read\. Write it to a file with Feast/,
  ],
  [
    "registry: s3://bucket/registry.db",
    /the registry is `file` at `s3:\/\/bucket\/registry\.db`.*Copy it to a file and name that in `registry`/,
  ],
  ["registry:\n  registry_type: snowflake.registry\n  user: me", /the registry is `snowflake\.registry`, and only/],
])("another kind of registry: %s", (registry, message) => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-feast-"));
  writeFileSync(join(folder, "feature_store.yaml"), `project: odd\n${registry}\n`);
  expect(() => readFeastRepository(folder)).toThrow(message);
  expect(() => readFeastRepository(folder)).not.toThrow(/secret/);
});
