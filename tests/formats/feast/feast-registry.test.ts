// A registry of entities, three kinds of views and services, written field by field as `feast.core` numbers them, among fields that are not read.
import { describe, expect, test } from "vitest";
import { bytesMember, fixed64Member, message, stringMember, varintMember } from "#formats/bytes/wire-writer.js";
import { type FeastView, readRegistry } from "#formats/feast/feast-registry.js";

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

describe("views", () => {
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
  test("keep a key that is called __proto__", () => {
    const joinKeys = Object.fromEntries([["__proto__", "author"]]);
    const service = withOthers(stringMember(1, "s"), stringMember(2, "p"), projection("v", { joinKeys }));
    const [found] = read(bytesMember(7, spec(service))).services[0]!.views;
    expect(Object.entries(found!.joinKeys)).toEqual([["__proto__", "author"]]);
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
