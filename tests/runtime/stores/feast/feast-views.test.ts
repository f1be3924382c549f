// Views that are not plain, in registries and stores that Feast wrote (tests/oracles/feast/make_views.py).
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { column as schema } from "#contract/schema.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { getFeatures } from "#runtime/stores/feast/get-features.js";
import { plain as plainColumn, run, scalars } from "../../../operators/step.js";
import { fixture, repositoryOf } from "./every-type.js";

const feastAnswers = (name: string) =>
  JSON.parse(readFileSync(join(fixture(name), "answers.json"), "utf8")) as Record<string, Record<string, unknown[]>>;
const asBig = (value: unknown) => (value === null ? null : BigInt(value as number));
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
});

describe("a service that takes one view twice, under other names and by other keys", () => {
  const name = "views-0.31";
  const { reader__a, writer__a } = feastAnswers(name).author!;

  test("by `merlon feast get`", async () => {
    const keys = new Map([
      ["user_id", ["1", "2"]],
      ["author_id", ["2", "9"]],
    ]);
    expect(await getFeatures(fixture(name), { service: "author", keys })).toEqual(
      [
        { user_id: 1n, author_id: 2n, "reader:a": reader__a![0], "writer:a": writer__a![0] },
        { user_id: 2n, author_id: 9n, "reader:a": reader__a![1], "writer:a": writer__a![1] },
      ].map(record => ({ ...record, "reader:a": asBig(record["reader:a"]), "writer:a": asBig(record["writer:a"]) })),
    );
  });

  test("in an ensemble, under full names", async () => {
    const params = {
      repository: "features",
      view: ["reader", "writer"],
      aliases: {
        reader: { view: "plain", joinKeys: {} },
        writer: { view: "plain", joinKeys: { user_id: "author_id" } },
      },
      entityColumn: { user_id: "user_id", author_id: "author_id" },
      onMissing: "null",
      features: { reader__a: "reader:a", writer__a: "writer:a" },
    } as const;
    const step = {
      params: { ...params, view: [...params.view] },
      inputs: { input: ["user_id", "author_id"] },
      outputs: ["reader__a", "writer__a"].map(column => schema(column, "int64")),
      artefacts: { repository: name },
    };
    const input = [scalars("int64", [1, 2]), scalars("int64", [2, 9])];
    const found = await run("queryFeast", step, { input }, undefined, join(fixture(name), ".."));
    expect(found.map(plainColumn)).toEqual([reader__a, writer__a].map(values => values!.map(asBig)));
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
