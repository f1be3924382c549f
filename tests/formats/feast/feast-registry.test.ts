// A registry of entities, three kinds of views and services, written field by field as `feast.core` numbers them, among fields that are not read.
import { describe, expect, test } from "vitest";
import { bytesMember, fixed64Member, message, stringMember, varintMember } from "#formats/bytes/wire-writer.js";
import {
  aliasView,
  type FeastView,
  findView,
  projectedView,
  readRegistry,
  storedByVersion,
} from "#formats/feast/feast-registry.js";

type Field = Uint8Array;
/** Fields of each wire type that are not read. */
const OTHERS = [varintMember(90, 7), bytesMember(91, Uint8Array.of(8, 1)), fixed64Member(92, 1.5)];
const withOthers = (...fields: Field[]): Uint8Array => message(OTHERS[0]!, ...fields, OTHERS[1]!, OTHERS[2]!);
const spec = (of: Uint8Array): Uint8Array => withOthers(bytesMember(1, of));

const entity = (name: string, { joinKey = "", type = 0, project = "p" } = {}): Field =>
  bytesMember(
    1,
    spec(
      withOthers(
        stringMember(1, name),
        ...(type ? [varintMember(2, type)] : []),
        ...(joinKey ? [stringMember(4, joinKey)] : []),
        stringMember(9, project),
      ),
    ),
  );
const feature = (name: string, type: number): Uint8Array => withOthers(stringMember(1, name), varintMember(2, type));

interface Kind {
  readonly field: number;
  readonly ttl: number;
  readonly source: number;
  readonly online: number;
  readonly columns: number;
}
const KINDS: Readonly<Record<string, Kind>> = {
  feature: { field: 6, ttl: 6, source: 7, online: 8, columns: 12 },
  stream: { field: 14, ttl: 9, source: 10, online: 12, columns: 5 },
  label: { field: 19, ttl: 6, source: 7, online: 8, columns: 11 },
};
const PLAIN = KINDS.feature!;
interface Written {
  readonly entities?: readonly string[];
  readonly features?: readonly (readonly [string, number])[];
  readonly columns?: readonly (readonly [string, number])[];
  readonly ttl?: number;
  readonly version?: number;
  readonly source?: readonly [path: string, timestamp: string, created: string];
  readonly online?: boolean;
  readonly project?: string;
}
function view(name: string, kind: Kind, written: Written = {}): Field {
  const { entities = [], features = [], columns = [], ttl, version, source, online, project = "p" } = written;
  const [path, timestamp, created] = source ?? [];
  const body = withOthers(
    stringMember(1, name),
    stringMember(2, project),
    ...entities.map(of => stringMember(3, of)),
    ...features.map(([of, type]) => bytesMember(4, feature(of, type))),
    ...columns.map(([of, type]) => bytesMember(kind.columns, feature(of, type))),
    ...(ttl === undefined ? [] : [bytesMember(kind.ttl, withOthers(varintMember(1, ttl)))]),
    ...(online === undefined ? [] : [varintMember(kind.online, Number(online))]),
    ...(source
      ? [
          bytesMember(
            kind.source,
            withOthers(
              stringMember(3, timestamp!),
              stringMember(5, created!),
              bytesMember(11, withOthers(stringMember(1, "uri"), stringMember(2, path!))),
            ),
          ),
        ]
      : []),
  );
  const meta = version === undefined ? [] : [bytesMember(2, withOthers(varintMember(4, version)))];
  return bytesMember(kind.field, withOthers(bytesMember(1, body), ...meta));
}
const read = (...fields: Field[]) => readRegistry(withOthers(...fields), "registry.db");
const only = (...fields: Field[]): FeastView => read(...fields).views[0]!;

describe("entities", () => {
  test("have a join key, which is their name where none is given, and a type, unless it is newer", () => {
    const { entities } = read(
      entity("user", { joinKey: "user_id", type: 4 }),
      entity("item"),
      entity("x", { type: 99 }),
    );
    expect(entities).toEqual([
      { name: "user", project: "p", joinKey: "user_id", type: "INT64" },
      { name: "item", project: "p", joinKey: "item", type: null },
      { name: "x", project: "p", joinKey: "x", type: null },
    ]);
  });
});

describe("views", () => {
  test.each(Object.entries(KINDS))("of the kind %s have each of their parts", (_, kind) => {
    const made = only(
      entity("user", { joinKey: "user_id", type: 4 }),
      view("v", kind, {
        entities: ["user"],
        features: [
          ["a", 6],
          ["user_id", 4],
          ["new", 99],
        ],
        ...{ ttl: 60, version: 3, source: ["rows.parquet", "ts", "made"], online: true },
      }),
    );
    expect(made).toEqual({
      ...{ name: "v", project: "p", entities: ["user"], ttlSeconds: 60, online: true, version: 3 },
      joinKeys: [{ name: "user_id", type: "INT64" }],
      features: [
        { name: "a", type: "FLOAT", typeNumber: 6 },
        { name: "new", type: null, typeNumber: 99 },
      ],
      source: { path: "rows.parquet", timestampColumn: "ts", createdColumn: "made" },
      ...{ storeName: "v", table: "p_v" },
    });
  });
  test("without a part have its default; a ttl of 0 is none", () => {
    const made = only(view("v", PLAIN));
    expect(made).toMatchObject({
      ttlSeconds: null,
      online: false,
      version: 0,
      source: null,
      joinKeys: [],
      features: [],
    });
    expect(only(view("v", PLAIN, { ttl: 0, online: false }))).toMatchObject({ ttlSeconds: null, online: false });
  });
  test("have the type of a join key from their own columns, then from the entity, then text", () => {
    const joinKeys = (...fields: Field[]) => only(...fields).joinKeys;
    const columns = [["user_id", 3]] as const;
    const user = entity("user", { joinKey: "user_id", type: 4 });
    expect(joinKeys(user, view("v", PLAIN, { entities: ["user"], columns }))).toEqual([
      { name: "user_id", type: "INT32" },
    ]);
    expect(joinKeys(user, view("v", PLAIN, { entities: ["user"], columns: [["other", 3]] }))).toEqual([
      { name: "user_id", type: "INT64" },
    ]);
    expect(joinKeys(entity("user"), view("v", PLAIN, { entities: ["user"] }))).toEqual([
      { name: "user", type: "STRING" },
    ]);
    // An entity that is not declared, or is another project's.
    expect(joinKeys(view("v", PLAIN, { entities: ["user"] }))).toEqual([{ name: "user", type: "STRING" }]);
    expect(
      joinKeys(entity("user", { joinKey: "user_id", project: "q" }), view("v", PLAIN, { entities: ["user"] })),
    ).toEqual([{ name: "user", type: "STRING" }]);
    expect(joinKeys(view("v", PLAIN, { entities: ["a", "b"], columns: [["b", 8]] }))).toEqual([
      { name: "a", type: "STRING" },
      { name: "b", type: "UNIX_TIMESTAMP" },
    ]);
  });
  test("have no key among their features, and all features without a key", () => {
    const features = [
      ["a", 4],
      ["x", 6],
      ["b", 4],
    ] as const;
    const names = (entities: readonly string[]) =>
      only(view("v", KINDS.stream!, { entities, features })).features.map(({ name }) => name);
    expect([names(["a", "b"]), names(["b"]), names([])]).toEqual([["x"], ["a", "x"], ["a", "x", "b"]]);
  });
  test("with a version are stored under it, if the repository keeps several", () => {
    const stored = (version: number) => storedByVersion(only(view("v", PLAIN, { version })));
    expect([stored(0), stored(2)].map(({ storeName, table }) => [storeName, table])).toEqual([
      ["v", "p_v"],
      ["v_v2", "p_v_v2"],
    ]);
  });
  test("are found by name; on-demand views are named alone", () => {
    const registry = read(
      view("a", PLAIN),
      view("b", KINDS.stream!),
      bytesMember(8, spec(withOthers(stringMember(1, "computed")))),
      bytesMember(8, spec(withOthers())),
      bytesMember(8, withOthers()),
    );
    expect([findView(registry, "b")?.name, findView(registry, "c")]).toEqual(["b", undefined]);
    expect(registry.onDemandViews).toEqual(["computed", "", ""]);
  });
});

describe("services", () => {
  const projection = (name: string, { alias = "", joinKeys = {} as Record<string, string>, features = ["a"] } = {}) =>
    bytesMember(
      3,
      withOthers(
        stringMember(1, name),
        ...features.map(of => bytesMember(2, feature(of, 6))),
        ...(alias ? [stringMember(3, alias)] : []),
        ...Object.entries(joinKeys).map(([from, to]) =>
          bytesMember(4, withOthers(stringMember(1, from), stringMember(2, to))),
        ),
      ),
    );
  const registry = read(
    entity("user", { joinKey: "user_id", type: 4 }),
    entity("item", { joinKey: "item_id", type: 4 }),
    view("v", PLAIN, { entities: ["user", "item"], features: [["a", 6]] }),
    bytesMember(
      7,
      spec(
        withOthers(
          stringMember(1, "s"),
          stringMember(2, "p"),
          projection("v"),
          projection("v", { alias: "w", joinKeys: { user_id: "author" }, features: ["a", "b"] }),
          projection("gone"),
        ),
      ),
    ),
  );
  test("take some features of views, under other names and by other keys", () => {
    expect(registry.services).toEqual([
      {
        ...{ name: "s", project: "p" },
        views: [
          { view: "v", alias: "v", features: ["a"], joinKeys: {} },
          { view: "v", alias: "w", features: ["a", "b"], joinKeys: { user_id: "author" } },
          { view: "gone", alias: "gone", features: ["a"], joinKeys: {} },
        ],
      },
    ]);
  });
  test("keep a key that is called __proto__", () => {
    const joinKeys = Object.fromEntries([["__proto__", "author"]]);
    const service = withOthers(stringMember(1, "s"), stringMember(2, "p"), projection("v", { joinKeys }));
    const [found] = read(bytesMember(7, spec(service))).services[0]!.views;
    expect(Object.entries(found!.joinKeys)).toEqual([["__proto__", "author"]]);
  });
  test("have the view itself, or one under its own name and keys, or none", () => {
    const [own, other, gone] = registry.services[0]!.views.map(of => projectedView(registry, of));
    expect(own).toBe(registry.views[0]);
    expect(other).toEqual({
      ...registry.views[0],
      ...{ name: "w", aliasOf: "v" },
      joinKeys: [
        { name: "user_id", type: "INT64", asked: "author" },
        { name: "item_id", type: "INT64" },
      ],
    });
    expect(gone).toBeUndefined();
    const same = projectedView(registry, { view: "v", alias: "v", features: [], joinKeys: { user_id: "author" } });
    expect([same?.name, same?.aliasOf]).toEqual(["v", "v"]);
    expect(projectedView(registry, { view: "v", alias: "x", features: [], joinKeys: {} })).toMatchObject({
      ...{ name: "x", aliasOf: "v", joinKeys: registry.views[0]!.joinKeys },
    });
    expect(aliasView(registry.views[0]!, "y", { view: "v", joinKeys: {} }).name).toBe("y");
    const joinKeys = [{ name: "constructor", type: "INT64" }] as const;
    expect(aliasView({ ...registry.views[0]!, joinKeys }, "y", { view: "v", joinKeys: {} }).joinKeys).toEqual(joinKeys);
  });
});

test("bytes that are not a registry are refused by the file's name", () => {
  const whole = withOthers(entity("user"), view("v", PLAIN, { features: [["a", 6]], ttl: 9 }));
  let refused = 0;
  for (let cut = 1; cut < whole.length; cut++)
    try {
      readRegistry(whole.subarray(0, cut), "registry.db");
    } catch (error) {
      refused++;
      expect((error as Error).name).toBe("FeastRegistryError");
      expect((error as Error).message).toMatch(
        /^registry\.db is not a Feast registry: .*\. Point `registry` at the file that `feast apply` wrote\.$/,
      );
    }
  expect(refused).toBeGreaterThan(whole.length - 10);
  expect(readRegistry(new Uint8Array(0), "x")).toEqual({ entities: [], views: [], services: [], onDemandViews: [] });
});
