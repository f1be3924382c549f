// Cells of a table that are read as one text an entity: values, event times of each form, entities without them, and many features.
import Database from "better-sqlite3";
import fc from "fast-check";
import { afterAll, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import type { FeastFeature, FeastView } from "#formats/feast/feast-registry.js";
import { cellReader, MOST_FEATURES, readCells } from "#runtime/stores/feast/packed-cells.js";

const TABLE = 'p_"v"';
const db = new Database(":memory:");
afterAll(() => void db.close());
db.exec(
  `CREATE TABLE "p_""v""" (entity_key BLOB, feature_name TEXT, value BLOB, event_ts, PRIMARY KEY(entity_key, feature_name))`,
);
beforeEach(() => void db.exec(`DELETE FROM "p_""v"""`));
const insert = db.prepare(`INSERT INTO "p_""v""" VALUES (?, ?, ?, ?)`);

const features = (count: number): FeastFeature[] =>
  Array.from({ length: count }, (_, i) => ({ name: `f'${i}`, type: "INT64", typeNumber: 4 }));
type Time = bigint | number | string | null;
interface Cell {
  readonly key: number;
  readonly feature: number;
  readonly value: Uint8Array | null;
  readonly time: Time;
}
type Read = readonly [row: number, feature: number, value: readonly number[] | null, seconds: number | undefined];
function read(
  all: readonly FeastFeature[],
  chosen: readonly FeastFeature[],
  times: boolean,
  only?: readonly number[],
): Read[] {
  const found: Read[] = [];
  readCells(
    db,
    { table: TABLE, features: all } as unknown as FeastView,
    chosen,
    times,
    // A value is valid until this returns.
    (row, feature, value, seconds) => found.push([row, feature, value && [...value], seconds]),
    only?.map(key => Uint8Array.of(key)),
  );
  return found.sort(([a, f], [b, g]) => a - b || f - g);
}
const secondsOf = (time: Time): number => {
  if (typeof time === "string") return Date.parse(`${time.replace(" ", "T")}Z`) / 1000;
  return time === null ? Number.NaN : Number(time);
};

const TIMES = [
  0n,
  1_700_000_000n,
  -5n,
  1.5,
  0.1,
  1_700_000_000.123456,
  "2024-01-02 03:04:05.5",
  "2024-01-02 03:04:05",
  null,
];
const cell = fc.record({
  key: fc.nat({ max: 4 }),
  feature: fc.nat({ max: 3 }),
  value: fc.option(fc.uint8Array({ maxLength: 12 })),
  time: fc.constantFrom<Time>(...TIMES),
});

test("each cell has its row, feature, value and time", () => {
  const cells = fc.uniqueArray(cell, { maxLength: 16, selector: ({ key, feature }) => 10 * key + feature });
  const chosen = fc.subarray([0, 1, 2, 3], { minLength: 1 });
  const only = fc.option(fc.uniqueArray(fc.nat({ max: 6 }), { maxLength: 5 }), { nil: undefined });
  const all = features(4);
  fc.assert(
    fc.property(cells, chosen, fc.boolean(), only, (made: readonly Cell[], of, times, keys) => {
      db.exec(`DELETE FROM "p_""v"""`);
      for (const { key, feature, value, time } of made) insert.run(Buffer.of(key), all[feature]!.name, value, time);
      const seen = made.filter(({ feature }) => of.includes(feature));
      const rows = keys ?? [...new Set(seen.map(({ key }) => key))].sort((a, b) => a - b);
      const expected = rows.flatMap((key, row) =>
        of.flatMap((feature, nth) =>
          seen
            .filter(found => found.key === key && found.feature === feature)
            .map(({ value, time }): Read => {
              // Empty bytes are a null too.
              const bytes = value && value.length > 0 ? [...value] : null;
              return [row, nth, bytes, times ? secondsOf(time) : undefined];
            }),
        ),
      );
      expect(
        read(
          all,
          of.map(feature => all[feature]!),
          times,
          keys,
        ),
      ).toEqual(expected);
    }),
    { numRuns: 150 },
  );
});

test("values of many kilobytes, and more features than one turn reads", () => {
  const all = features(2 * MOST_FEATURES + 3);
  all.forEach(({ name }, i) => {
    insert.run(Buffer.of(1), name, Buffer.of(i), 5n);
    if (i % 50 === 0) insert.run(Buffer.of(2), name, Buffer.alloc(9000, i), 6n);
  });
  const cells = read(all, all, true);
  expect(cells).toEqual([
    ...all.map((_, i): Read => [0, i, [i], 5]),
    ...[0, 50, 100].map((i): Read => [1, i, new Array<number>(9000).fill(i), 6]),
  ]);
  // An entity without features from the second turn on keeps its place.
  db.exec(`DELETE FROM "p_""v"""`);
  insert.run(Buffer.of(1), all[0]!.name, Buffer.of(7), 5n);
  insert.run(Buffer.of(2), all.at(-1)!.name, Buffer.of(8), 5n);
  expect(read(all, all, false)).toEqual([
    [0, 0, [7], undefined],
    [1, all.length - 1, [8], undefined],
  ]);
  expect(read(all, all, false, [2, 3, 1])).toEqual([
    [0, all.length - 1, [8], undefined],
    [2, 0, [7], undefined],
  ]);
});

test("as many features as turns read", () => {
  const all = features(2 * MOST_FEATURES);
  all.forEach(({ name }, i) => {
    insert.run(Buffer.of(1), name, Buffer.of(i), 5n);
  });
  expect(read(all, all, false)).toEqual(all.map((_, i): Read => [0, i, [i], undefined]));
});

test("the buffer for a text is kept while texts fit it, and so is the time that was parsed last", () => {
  const alloc = vi.spyOn(Buffer, "alloc");
  const parse = vi.spyOn(Date, "parse");
  onTestFinished(() => {
    alloc.mockRestore();
    parse.mockRestore();
  });
  const reads = cellReader();
  const size = alloc.mock.calls[0]![0];
  const found: unknown[] = [];
  const take = (_row: number, feature: number, value: Uint8Array | null, seconds: number | undefined) =>
    void found.push([feature, value?.length, seconds]);
  // Each text has two cells of one time: as many bytes as the buffer has, and two more.
  const time = `x${Buffer.from("1970-01-01 00:00:05").toString("hex")}`;
  const texts = [0, 1].map(more => {
    const first = `0:41:${time},`;
    return `${first}12:${"41".repeat((size - first.length - time.length - 4) / 2 + more)}:${time}`;
  });
  expect(texts.map(({ length }) => length)).toEqual([size, size + 2]);
  reads(texts[0]!, 0, take);
  reads(texts[0]!, 1, take);
  expect([alloc.mock.calls.length, parse.mock.calls.length]).toEqual([1, 1]);
  reads(texts[1]!, 2, take);
  expect([alloc.mock.calls.length, parse.mock.calls.length]).toEqual([2, 1]);
  expect(found.filter((_, i) => i % 2 === 0)).toEqual([0, 1, 2].map(() => [0, 1, 5]));
});
