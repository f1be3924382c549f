// Random descriptions of repositories: what is written is what is described, read by other means than the stores'.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { encodeValue } from "#formats/feast/encode-feast-value.js";
import { type KeyPart, keyEncoder } from "#formats/feast/feast-key.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import type { FeastType } from "#formats/feast/feast-type.js";
import { checkDescription, type FeastRepositoryDescription } from "#runtime/stores/feast/describe.js";
import { writeFeastRepository } from "#runtime/stores/feast/write-repository.js";
import "../../../needs/built.js";

const root = mkdtempSync(join(tmpdir(), "merlon-written-"));
afterAll(() => rmSync(root, { recursive: true }));

const ENTITIES = [
  { name: "user", joinKey: "user_id", type: "INT64", description: "who" },
  { name: "item", joinKey: "code", type: "STRING" },
] as const;
const VALUES = {
  INT32: fc.integer(),
  INT64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  STRING: fc.string({ maxLength: 5 }),
  BOOL: fc.boolean(),
  INT64_LIST: fc.array(fc.bigInt({ min: -9n, max: 9n }), { maxLength: 3 }),
} as const;
const TYPES = Object.keys(VALUES) as (keyof typeof VALUES)[];
const word = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 6 });

const view = fc
  .record({
    entities: fc.subarray(["user", "item"], { minLength: 1 }),
    types: fc.array(fc.constantFrom(...TYPES), { minLength: 1, maxLength: 3 }),
    count: fc.nat({ max: 3 }),
    ttl: fc.option(fc.integer({ min: 1, max: 10 ** 9 }), { nil: undefined }),
    tags: fc.dictionary(word, word, { maxKeys: 2 }),
    created: fc.option(word, { nil: undefined }),
    path: word,
    field: word,
    times: fc.boolean(),
  })
  .chain(of =>
    fc.record({
      of: fc.constant(of),
      cells: fc.tuple(
        ...of.types.map(type =>
          fc.array(fc.option<unknown>(VALUES[type]), { minLength: of.count, maxLength: of.count }),
        ),
      ),
    }),
  );
const repository = fc.record({
  project: fc.constantFrom("p", "the shop", 'quo"ted'),
  timestamp: fc.integer({ min: 1, max: 2 ** 31 }),
  views: fc.array(view, { minLength: 1, maxLength: 3 }),
});
type Given = typeof repository extends fc.Arbitrary<infer T> ? T : never;

/** The second view is in a service with its first feature, the first one with all, under another name. */
const described = ({ project, timestamp, views }: Given): FeastRepositoryDescription => ({
  project,
  timestamp,
  entities: ENTITIES,
  views: views.map(({ of, cells }, v) => ({
    name: `v${v}`,
    entities: of.entities,
    features: of.types.map((type, f) => ({ name: `f${f}`, type })),
    ...(of.ttl !== undefined && { ttlSeconds: of.ttl }),
    tags: of.tags,
    source: {
      name: `s${v}`,
      path: of.path,
      timestampField: of.field,
      ...(of.created !== undefined && { createdTimestampColumn: of.created }),
    },
    ...(of.times && { eventSeconds: Array.from({ length: of.count }, (_, i) => timestamp + i) }),
    rows: {
      user_id: Array.from({ length: of.count }, (_, i) => BigInt(i)),
      code: Array.from({ length: of.count }, (_, i) => `k${i}`),
      ...Object.fromEntries(of.types.map((_, f) => [`f${f}`, cells[f]])),
    } as FeastRepositoryDescription["views"][number]["rows"],
  })),
  services: [
    {
      name: "all",
      views: [{ view: "v0", alias: "first" }, ...(views.length > 1 ? [{ view: "v1", features: ["f0"] }] : [])],
    },
  ],
});

const textOf = (type: FeastType, value: unknown): string | null => {
  if (value === null || type.endsWith("_LIST")) return null;
  return type === "BOOL" ? (value ? "True" : "False") : String(value);
};

test("the registry says what was described, and the tables have its rows", () => {
  fc.assert(
    fc.property(repository, given => {
      const folder = mkdtempSync(join(root, "r-"));
      const description = described(given);
      writeFeastRepository(folder, description);
      const { project, registry, keyVersion, onlineStore } = readFeastRepository(folder);
      expect([project, keyVersion, onlineStore]).toEqual([
        given.project,
        3,
        { type: "sqlite", file: join(folder, "data/online_store.db") },
      ]);
      expect(registry.entities).toEqual([
        ...ENTITIES.map(({ name, joinKey, type }) => ({ name, project, joinKey, type })),
        expect.objectContaining({ name: "__dummy", joinKey: "__dummy_id" }),
      ]);
      const db = new Database(join(folder, "data/online_store.db"), { readonly: true }).defaultSafeIntegers();
      given.views.forEach(({ of, cells }, v) => {
        const joins = of.entities.map(name => ENTITIES.find(entity => entity.name === name)!);
        const joinKeys = joins.map(({ joinKey, type }) => ({ name: joinKey, type }));
        const features = of.types.map((type, f) => expect.objectContaining({ name: `f${f}`, type }) as unknown);
        expect(registry.views[v]).toMatchObject({
          name: `v${v}`,
          project,
          entities: of.entities,
          joinKeys,
          features,
          ttlSeconds: of.ttl ?? null,
          online: true,
          source: { path: of.path, timestampColumn: of.field, createdColumn: of.created ?? "" },
          table: `${project}_v${v}`,
        });
        const table = `"${`${project}_v${v}`.replaceAll('"', '""')}"`;
        const rows = db.prepare(`SELECT * FROM ${table} ORDER BY rowid`).raw().all();
        const encode = keyEncoder(joinKeys, 3);
        const expected = Array.from({ length: of.count }, (_, i) =>
          of.types.map((type, f) => {
            const value = cells[f]![i] as never;
            return [
              Buffer.from(encode(joinKeys.map(({ name }): KeyPart => (name === "code" ? `k${i}` : BigInt(i))))),
              `f${f}`,
              Buffer.from(encodeValue(type, value)),
              textOf(type, value),
              null,
              BigInt(given.timestamp + (of.times ? i : 0)),
              BigInt(given.timestamp),
            ];
          }),
        ).flat();
        expect(rows).toEqual(expected);
      });
      db.close();
      expect(registry.views).toHaveLength(given.views.length);
      expect(registry.services).toEqual([
        {
          name: "all",
          project,
          views: [
            { view: "v0", alias: "first", features: given.views[0]!.of.types.map((_, f) => `f${f}`), joinKeys: {} },
            ...(given.views.length > 1 ? [{ view: "v1", alias: "v1", features: ["f0"], joinKeys: {} }] : []),
          ],
        },
      ]);
    }),
    { numRuns: 40 },
  );
});

describe("a description that does not hold together", () => {
  const source = { name: "s", path: "p", timestampField: "t" };
  const [user] = ENTITIES;
  const of = (
    rows: FeastRepositoryDescription["views"][number]["rows"],
    more: Partial<FeastRepositoryDescription> = {},
  ) => ({
    project: "p",
    timestamp: 1,
    entities: [user],
    views: [{ name: "v", entities: ["user"], features: [{ name: "f", type: "INT64" as const }], source, rows }],
    ...more,
  });
  const good = { user_id: [1n, 2n], f: [1n, null] };
  test.each<[string, FeastRepositoryDescription, string | undefined]>([
    ["one that does", of(good), undefined],
    [
      "lists as Arrow has them",
      of({ ...good, f: { values: [1n], offsets: [0, 1, 1] } }),
      "holds lists and its type INT64 is a scalar",
    ],
    ["a column too short", of({ ...good, f: [1n] }), "view `v`: column `f` has 1 rows, `user_id` has 2."],
    [
      "lists too many",
      of({ ...good, f: { values: [], offsets: [0, 0] } }),
      "view `v`: column `f` has 1 rows, `user_id` has 2.",
    ],
    ["no column", of({ user_id: [1n] }), "view `v` has no rows for its column `f`."],
    [
      "no entity",
      { ...of(good), views: of(good).views.map(view => ({ ...view, entities: [] })) },
      "view `v` names no entity. Give it one or more.",
    ],
    ["no keys", of({ f: [1n] }), "view `v` has no rows for its column `user_id`."],
    [
      "an entity of floats",
      of(good, { entities: [{ ...user, type: "FLOAT" }] }),
      "entity `user` is FLOAT, which Feast has no key for.",
    ],
    [
      "an entity that is not there",
      of(good, { entities: [] }),
      "view `v` names the entity `user`, which the repository does not have.",
    ],
    [
      "a service of an unknown view",
      of(good, { services: [{ name: "s", views: [{ view: "w" }] }] }),
      "service `s` takes the view `w`, which",
    ],
    [
      "a service of a feature of an unknown view",
      of(good, { services: [{ name: "s", views: [{ view: "w", features: ["f"] }] }] }),
      "service `s` takes the view `w`, which",
    ],
    [
      "a service of an unknown feature",
      of(good, { services: [{ name: "s", views: [{ view: "v", features: ["f", "g"] }] }] }),
      "service `s` takes the feature `g` of the view `v`, which",
    ],
    [
      "a service of all",
      of(good, { services: [{ name: "s", views: [{ view: "v" }, { view: "v", features: ["f"] }] }] }),
      undefined,
    ],
  ])("%s", (_, description, message) => {
    if (message === undefined) checkDescription(description);
    else expect(() => checkDescription(description)).toThrow(message);
  });
});
