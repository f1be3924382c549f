// A described repository becomes the registry that Feast writes for it, read by the field numbers of Feast's own messages.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { cursor, nextTag, readSafeInt, readSpan } from "#formats/bytes/wire.js";
import { readRegistry } from "#formats/feast/feast-registry.js";
import type { FeastEntityDescription, FeastViewDescription } from "#runtime/stores/feast/describe.js";
import { encodeRegistry } from "#runtime/stores/feast/encode-registry.js";

/** Fields by number; one with a shape of its own is a message. */
interface Shape {
  readonly [number: number]: string | readonly [name: string, shape: Shape];
}
const TIME: Shape = { 1: "seconds" };
const TIMES: Shape = { 1: ["created", TIME], 2: ["updated", TIME] };
const FEATURE: Shape = { 1: "name", 2: "type" };
const SOURCE: Shape = {
  ...{ 1: "kind", 3: "timestampField", 5: "createdColumn", 11: ["file", { 2: "uri" }] },
  ...{ 17: "class", 20: "name", 21: "project", 50: ["times", { 3: ["created", TIME], 4: ["updated", TIME] }] },
};
/** The messages of `feast/core/*.proto`, as far as Feast 0.67 fills them for a repository of files. */
const REGISTRY: Shape = {
  1: [
    "entities",
    {
      1: ["spec", { 1: "name", 2: "type", 3: "description", 4: "joinKey", 9: "project" }],
      2: ["times", TIMES],
    },
  ],
  3: "schemaVersion",
  4: "versionId",
  5: ["lastUpdated", TIME],
  6: [
    "views",
    {
      1: [
        "spec",
        {
          ...{
            1: "name",
            2: "project",
            3: "entities",
            4: ["features", FEATURE],
            5: ["tags", { 1: "key", 2: "value" }],
          },
          ...{ 6: ["ttl", TIME], 7: ["source", SOURCE], 8: "online", 12: ["joinKeys", FEATURE], 18: "version" },
        },
      ],
      2: ["meta", { ...TIMES, 3: ["filled", { 1: ["from", TIME], 2: ["to", TIME] }], 6: "state" }],
    },
  ],
  7: [
    "services",
    {
      1: [
        "spec",
        {
          ...{ 1: "name", 2: "project" },
          3: ["views", { 1: "name", 2: ["features", FEATURE], 3: "alias", 5: "timestampField", 7: "createdColumn" }],
        },
      ],
      2: ["times", TIMES],
    },
  ],
  12: ["sources", SOURCE],
  15: ["projectIds", { 1: "project", 2: "uuid" }],
  17: ["projects", { 1: ["spec", { 1: "name" }], 2: ["times", TIMES] }],
};

type Tree = Readonly<Record<string, readonly unknown[]>>;

function treeOf(bytes: Uint8Array, shape: Shape): Tree {
  const tree: Record<string, unknown[]> = {};
  const at = cursor(bytes);
  for (let tag = nextTag(at); tag !== 0; tag = nextTag(at)) {
    const field = shape[tag >>> 3] ?? `field ${tag >>> 3}`;
    const [name, inner] = typeof field === "string" ? [field, undefined] : field;
    tree[name] ??= [];
    if ((tag & 7) === 0) tree[name].push(readSafeInt(at));
    else {
      const span = readSpan(at);
      const part = bytes.subarray(span.at, span.end);
      tree[name].push(inner ? treeOf(part, inner) : Buffer.from(part).toString());
    }
  }
  return tree;
}

const fixture = (name: string): Uint8Array =>
  readFileSync(new URL(`../../../fixtures/feast/${name}/data/registry.db`, import.meta.url));

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Without names, so that random ones and ours are equal. @throws where one is not a UUID */
const withoutIds = ({ versionId, projectIds, ...tree }: Tree): unknown => ({
  ...tree,
  ids: [...versionId!, ...projectIds!.flatMap(one => (one as Tree).uuid!)].map(id => UUID.test(String(id))),
});

/** Moments, states, and fields of later versions of Feast; the rest of an older registry is the same. */
const LATER = new Set(["times", "meta", "lastUpdated", "version", "projects"]);
const older = (tree: unknown): unknown =>
  JSON.parse(JSON.stringify(tree, (key, value: unknown) => (LATER.has(key) ? undefined : value)));

const TIMESTAMP = 1_700_000_000;
const source = { name: "rows", path: "data/rows.parquet", timestampField: "ts" };
const USER: FeastEntityDescription = { name: "user", joinKey: "user_id", type: "INT64" };
const VIEW: FeastViewDescription = {
  ...{ name: "plain", entities: ["user"], features: [{ name: "a", type: "INT64" }], source },
  rows: { user_id: [], a: [] },
};
const encoded = (entity: FeastEntityDescription, view: FeastViewDescription): Tree =>
  treeOf(
    encodeRegistry({
      ...{ project: "odd", timestamp: TIMESTAMP, entities: [entity], views: [view] },
      services: [{ name: "all", views: [{ view: view.name }] }],
    }),
    REGISTRY,
  );

test("a registry is the one that Feast wrote, up to moments and random ids", () => {
  const bytes = fixture("v2");
  const { entities, views } = readRegistry(bytes, "v2");
  const ours = encodeRegistry({
    project: "shop",
    timestamp: TIMESTAMP,
    entities: entities.filter(({ name }) => name !== "__dummy") as FeastEntityDescription[],
    views: views.map(view => ({
      name: view.name,
      entities: view.entities,
      features: view.features.map(({ name, type }) => ({ name, type: type! })),
      ttlSeconds: view.ttlSeconds!,
      source: { name: `${view.name}_source`, path: view.source!.path, timestampField: view.source!.timestampColumn },
      rows: {},
    })),
  });
  const byName = (tree: unknown) => {
    const { sources, ...rest } = tree as { sources: { name: string[] }[] };
    return { ...rest, sources: sources.toSorted((a, b) => (a.name[0]! < b.name[0]! ? -1 : 1)) };
  };
  const [own, feasts] = [ours, bytes].map(one => byName(older(withoutIds(treeOf(one, REGISTRY)))));
  expect(own).toEqual(feasts);
  expect(own).toMatchObject({ ids: [true, true], schemaVersion: ["1"] });
});

test("later fields are those of Feast 0.67", () => {
  const feasts = treeOf(fixture("views-0.67"), REGISTRY);
  const ours = encoded(USER, VIEW);
  const versions = (tree: Tree): unknown[] =>
    tree.views!.flatMap(view => (view as { spec: [Tree] }).spec[0].version ?? []);
  expect(versions(feasts)).toEqual(["latest", "latest"]);
  expect(versions(ours)).toEqual(["latest"]);
  const names = ({ projects }: Tree) => projects!.map(one => (one as Tree).spec);
  expect(names(ours)).toEqual(names(feasts));
});
