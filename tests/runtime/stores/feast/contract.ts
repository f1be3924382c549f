/**
 * The contract of feature stores: random repositories are written to a store, which answers with the written values. They have views that share
 * an entity, views of several, views under other keys, and more places than keys. Each store passes it as a row.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import type { FeastScalar } from "#formats/feast/encode-feast-value.js";
import { askedName, type KeyPart, type KeyVersion } from "#formats/feast/feast-key.js";
import { aliasView, type FeastView, findView } from "#formats/feast/feast-registry.js";
import { type FeastRepository, readFeastRepository } from "#formats/feast/feast-repository.js";
import { type FeastType, feastType } from "#formats/feast/feast-type.js";
import { openOnlineWriter } from "#runtime/stores/feast/online-writer.js";
import { FEATURE_STATUS, type FeatureStore, type ViewRead } from "#runtime/stores/feast/store.js";
import { writeFeastRepository } from "#runtime/stores/feast/write-repository.js";
import { plain, scalars } from "../../../operators/step.js";

const ENTITIES = [
  { name: "user", joinKey: "user_id", type: "INT64" },
  { name: "shop", joinKey: "shop", type: "STRING" },
  { name: "slot", joinKey: "a_slot", type: "INT32" },
] as const;
/** Few of each, so that views and requests have keys in common. */
const KEYS: Readonly<Record<string, readonly KeyPart[]>> = {
  user_id: [1n, -2n, 2n ** 53n + 1n, 7n],
  shop: ["", "north", "süd", "1"],
  a_slot: [0, -1, 2 ** 31 - 1, 5],
};
const TYPES = ["INT64", "FLOAT", "STRING", "BOOL", "INT64_LIST", "STRING_LIST"] as const satisfies readonly FeastType[];
type Cell = FeastScalar | readonly FeastScalar[] | null;
const text = fc.string({ maxLength: 6 });
const CELLS: Readonly<Record<(typeof TYPES)[number], fc.Arbitrary<Cell>>> = {
  INT64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  FLOAT: fc.float({ noNaN: true }),
  STRING: text,
  BOOL: fc.boolean(),
  INT64_LIST: fc.array(fc.bigInt({ min: -(2n ** 40n), max: 2n ** 40n }), { maxLength: 3 }),
  STRING_LIST: fc.array(text, { maxLength: 3 }),
};

interface Row {
  readonly key: readonly KeyPart[];
  readonly values: readonly Cell[];
  readonly eventSeconds: number;
}
interface View {
  readonly entities: readonly string[];
  readonly types: readonly (typeof TYPES)[number][];
  readonly rows: readonly Row[];
}

const joinsOf = (entities: readonly string[]) => entities.map(name => ENTITIES.find(each => each.name === name)!);
const view: fc.Arbitrary<View> = fc
  .record({
    entities: fc.subarray(["user", "shop", "slot"], { minLength: 1 }),
    types: fc.array(fc.constantFrom(...TYPES), { minLength: 1, maxLength: 4 }),
  })
  .chain(({ entities, types }) =>
    fc.record({
      entities: fc.constant(entities),
      types: fc.constant(types),
      rows: fc.uniqueArray(
        fc.record({
          key: fc.tuple(...joinsOf(entities).map(({ joinKey }) => fc.constantFrom(...KEYS[joinKey]!))),
          values: fc.tuple(...types.map(type => fc.option(CELLS[type]))),
          eventSeconds: fc.integer({ min: 1_600_000_000, max: 1_700_000_000 }),
        }),
        { selector: ({ key }) => key.join("\n"), maxLength: 6 },
      ),
    }),
  );
/** A part of a look-up: some features of a view, maybe by a key of another name. */
const part = fc.record({
  view: fc.nat(),
  features: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
  other: fc.boolean(),
});
const history = fc.record({
  // Version 1 has no room for a key of 64 bits.
  version: fc.constantFrom<KeyVersion>(2, 3),
  views: fc.array(view, { minLength: 1, maxLength: 4 }),
  reads: fc.array(part, { minLength: 1, maxLength: 4 }),
  requests: fc.array(
    fc.record({
      rows: fc.uniqueArray(fc.array(fc.nat({ max: 3 }), { minLength: 6, maxLength: 6 }), {
        maxLength: 8,
        selector: String,
      }),
      beyond: fc.nat({ max: 2 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  eventTimes: fc.boolean(),
});
type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

/** `STORES_RUNS=500 npm test -- stores-agree` runs more. */
const RUNS = Number(process.env.STORES_RUNS ?? 25);

export interface FeatureStoreRow {
  readonly name: string;
  /** The empty store that the rows of a repository are written to; its own SQLite file by default. */
  at?(repository: FeastRepository): Promise<FeastRepository>;
  open(repository: FeastRepository): Promise<FeatureStore> | FeatureStore;
}

const root = mkdtempSync(join(tmpdir(), "merlon-agree-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function written({ version, views }: History, at: FeatureStoreRow["at"]): Promise<FeastRepository> {
  const folder = mkdtempSync(join(root, "r-"));
  const source = { name: "s", path: "s.parquet", timestampField: "ts" };
  writeFeastRepository(folder, {
    project: "p",
    timestamp: 1_700_000_000,
    entities: ENTITIES,
    views: views.map(({ entities, types }, v) => {
      const features = types.map((type, f) => ({ name: `f${f}`, type }));
      const names = [...joinsOf(entities).map(({ joinKey }) => joinKey), ...features.map(({ name }) => name)];
      return { name: `v${v}`, entities, features, source, rows: Object.fromEntries(names.map(name => [name, []])) };
    }),
  });
  const own = { ...readFeastRepository(folder), keyVersion: version };
  const repository = (await at?.(own)) ?? own;
  for (const [v, { entities, rows }] of views.entries()) {
    const view = findView(repository.registry, `v${v}`)!;
    const writer = await openOnlineWriter(repository, view);
    await writer.write(
      rows.map(({ key, values, eventSeconds }) => ({
        key: view.joinKeys.map(({ name }) => key[joinsOf(entities).findIndex(of => of.joinKey === name)]!),
        values,
        eventMicros: BigInt(eventSeconds) * 1_000_000n,
        createdMicros: null,
      })),
    );
    writer.finish();
    await writer.close();
  }
  return repository;
}

/** `v0` as it is, or under a name and keys of its own: `other_user_id` for `user_id`. */
const readsOf = (repository: FeastRepository, { reads, views }: History): (ViewRead & { readonly of: number })[] =>
  reads.map(({ view: nth, features, other }, i) => {
    const of = nth % views.length;
    const found = findView(repository.registry, `v${of}`)!;
    const joinKeys = Object.fromEntries(found.joinKeys.map(({ name }) => [name, `other_${name}`]));
    const taken: FeastView = other ? aliasView(found, `alias${i}`, { view: found.name, joinKeys }) : found;
    const wanted = [...new Set(features.map(f => f % found.features.length))];
    return { of, view: taken, features: wanted.map(f => found.features.find(({ name }) => name === `f${f}`)!) };
  });

type Answer = readonly { readonly status: number; readonly value: unknown; readonly seconds: number | undefined }[];

async function answers(store: FeatureStore, repository: FeastRepository, all: History): Promise<Answer[][]> {
  const reads = readsOf(repository, all);
  const reader = await store.prepare(reads, { bytes: "utf8", eventTimes: all.eventTimes });
  try {
    return await Promise.all(
      all.requests.map(async ({ rows, beyond }) => {
        const found = await reader.getOnline(keysOf(reads, rows), rows.length + beyond);
        return reads
          .flatMap(({ features }) => features)
          .map(({ type }, f) => {
            const { values, offsets, status, eventSeconds } = found[f]!;
            const count = rows.length + beyond;
            const { dtype } = feastType(type!);
            const cells = plain({ dtype, rows: { count }, values, ...(offsets && { offsets }) });
            return Array.from({ length: count }, (_, i) => ({
              status: status[i]!,
              value: status[i] === FEATURE_STATUS.present ? cells[i] : null,
              seconds: eventSeconds?.[i],
            }));
          });
      }),
    );
  } finally {
    await store.close();
  }
}

/** The key that a row of a request has for a join key; the alias's own are others. */
const partOf = (asked: string, row: readonly number[]): KeyPart => {
  const own = asked.replace(/^other_/, "");
  const place = ENTITIES.findIndex(({ joinKey }) => joinKey === own);
  return KEYS[own]![row[place + (own === asked ? 0 : 3)]!]!;
};
const keysOf = (reads: readonly ViewRead[], rows: readonly (readonly number[])[]) =>
  new Map(
    reads.flatMap(({ view: { joinKeys } }) =>
      joinKeys.map(key => {
        const values = rows.map(row => partOf(askedName(key), row) as bigint);
        return [askedName(key), scalars(feastType(key.type).dtype, values)] as const;
      }),
    ),
  );

/** The written values. */
const expected = (repository: FeastRepository, all: History): Answer[][] =>
  all.requests.map(({ rows, beyond }) =>
    readsOf(repository, all).flatMap(({ of, view: { joinKeys }, features }) => {
      const { entities, types, rows: stored } = all.views[of]!;
      return features.map(({ name }): Answer => {
        const f = Number(name.slice(1));
        return Array.from({ length: rows.length + beyond }, (_, i) => {
          const row = rows[i];
          const wanted = joinsOf(entities).map(({ joinKey }) => joinKeys.find(key => key.name === joinKey)!);
          const found = row && stored.find(({ key }) => wanted.every((of, k) => partOf(askedName(of), row) === key[k]));
          const times = (seconds: number) => (all.eventTimes ? seconds : undefined);
          if (!found) return { status: FEATURE_STATUS.notFound, value: null, seconds: times(Number.NaN) };
          const value = found.values[f]!;
          const status = value === null ? FEATURE_STATUS.null : FEATURE_STATUS.present;
          return {
            status,
            value: types[f] === "BOOL" && value !== null ? Number(value) : value,
            seconds: times(found.eventSeconds),
          };
        });
      });
    }),
  );

export function featureStoreContract({ name, at, open }: FeatureStoreRow): void {
  test(`${name} answers what was written`, { timeout: 60_000 + RUNS * 3000 }, async () => {
    await fc.assert(
      fc.asyncProperty(history, async all => {
        const repository = await written(all, at);
        expect(await answers(await open(repository), repository, all)).toEqual(expected(repository, all));
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 30_000 + RUNS * 2000 },
    );
  });
}
