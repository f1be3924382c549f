// Random histories of a SQLite store that is served from memory. Cells are written, entities deleted, the file is broken, repaired,
// replaced; two readers and earlier runs have consistent views.
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { encodeValue } from "#formats/feast/encode-feast-value.js";
import { keyEncoder } from "#formats/feast/feast-key.js";
import { findView } from "#formats/feast/feast-registry.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { openSnapshotStore, type SnapshotFiles } from "#runtime/stores/feast/snapshot-store.js";
import type { FeatureReader } from "#runtime/stores/feast/store.js";
import { scalars } from "../../../operators/step.js";
import { ONE_VIEW_FEATURES, writeOneView } from "./one-view.js";
import "../../../needs/built.js";

const RUNS = Number(process.env.SNAPSHOT_RUNS ?? 5);
const KEYS = [0n, 1n, 2n, 3n, 2n ** 40n];
const TABLE = "p_v";
const encode = keyEncoder([{ name: "id", type: "INT64" }], 3);

const root = mkdtempSync(join(tmpdir(), "merlon-histories-"));
beforeAll(() => writeOneView(join(root, "first"), { id: [0n, 1n], n: [0n, 1n], s: ["0", "1"] }));
afterAll(() => rmSync(root, { recursive: true }));
afterEach(() => void vi.restoreAllMocks());

/** The cells of each entity; undefined if the store has none. */
type Content = ReadonlyMap<bigint, readonly [n: bigint | undefined, s: string | undefined]>;

type Event =
  | { readonly do: "write"; readonly key: bigint; readonly n: bigint | undefined; readonly s: string | undefined }
  | { readonly do: "delete"; readonly key: bigint }
  | { readonly do: "replace" | "break" | "look" | "begin" };

const key = fc.constantFrom(...KEYS);
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      key,
      n: fc.option(fc.bigInt({ min: -9n, max: 9n }), { nil: undefined, freq: 4 }),
      s: fc.option(fc.string({ maxLength: 4 }), { nil: undefined, freq: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("replace" as const, "break" as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("look" as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("begin" as const) }) },
);

/** A reader's results of some features for every key. */
async function answersOf(reader: FeatureReader, features: readonly ("n" | "s")[], run?: Map<object, unknown>) {
  const found = await reader.getOnline(new Map([["id", scalars("int64", KEYS)]]), KEYS.length, undefined, run);
  return features.map((_, f) =>
    KEYS.map((__, i) => (found[f]!.status[i] === 1 ? (found[f]!.values[i] as unknown) : null)),
  );
}
const expected = (content: Content, features: readonly ("n" | "s")[]) =>
  features.map(name => KEYS.map(of => content.get(of)?.[name === "n" ? 0 : 1] ?? null));

async function check(events: readonly Event[]): Promise<void> {
  const folder = mkdtempSync(join(root, "h-"));
  cpSync(join(root, "first"), folder, { recursive: true });
  const { registry } = readFeastRepository(folder);
  const view = findView(registry, "v")!;
  const file = join(folder, "data/online_store.db");
  const now = performance.now.bind(performance);
  let later = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now() + later);
  const warned: string[] = [];
  vi.spyOn(process, "emitWarning").mockImplementation(text => void warned.push(String(text)));

  const files: SnapshotFiles = new Map();
  const stores = [0, 1].map(() => openSnapshotStore(file, 3, 2 ** 24, files));
  const wanted = [["n", "s"], ["s"]] as const;
  const readers = await Promise.all(
    wanted.map(async (names, i) => {
      const features = names.map(name => view.features.find(feature => feature.name === name)!);
      return stores[i]!.prepare([{ view, features }], { bytes: "utf8", eventTimes: false });
    }),
  );
  let content: Content = new Map([
    [0n, [0n, "0"]],
    [1n, [1n, "1"]],
  ]);
  let served = content;
  let broken: Buffer | undefined;
  const runs: { readonly seen: Map<object, unknown>; readonly content: Content }[] = [];
  const write = (work: (db: Database.Database) => void): void => {
    const db = new Database(file);
    work(db);
    db.close();
  };
  const mend = (): void => {
    if (broken) writeFileSync(file, broken);
    broken = undefined;
  };
  try {
    for (const of of events) {
      const next = new Map(content);
      if (of.do === "write" || of.do === "delete") {
        mend();
        const cells = of.do === "write" ? ([of.n, of.s] as const) : ([undefined, undefined] as const);
        write(db => {
          db.prepare(`DELETE FROM ${TABLE} WHERE entity_key = ?`).run(encode([of.key]));
          const insert = db.prepare(`INSERT INTO ${TABLE} (entity_key, feature_name, value) VALUES (?, ?, ?)`);
          for (const [f, { name, type }] of ONE_VIEW_FEATURES.entries())
            if (cells[f] !== undefined) insert.run(encode([of.key]), name, encodeValue(type, cells[f]));
        });
        next.set(of.key, cells);
        content = next;
      } else if (of.do === "replace") {
        mend();
        cpSync(join(root, "first/data/online_store.db"), `${file}.new`);
        renameSync(`${file}.new`, file);
        content = new Map([
          [0n, [0n, "0"]],
          [1n, [1n, "1"]],
        ]);
      } else if (of.do === "break") {
        broken ??= readFileSync(file);
        writeFileSync(file, "junk".repeat(1000));
      } else if (of.do === "begin") {
        const seen = new Map<object, unknown>();
        expect(await answersOf(readers[0]!, wanted[0], seen)).toEqual(expected(served, wanted[0]));
        runs.push({ seen, content: served });
      } else {
        later += 2000;
        warned.length = 0;
        await answersOf(readers[1]!, wanted[1]);
        const good = broken ? served : content;
        // All of the file's readers change together.
        await vi.waitFor(
          async () => {
            const both = [await answersOf(readers[0]!, wanted[0]), await answersOf(readers[1]!, wanted[1])];
            expect(both).toEqual(wanted.map(names => expected(good, names)));
          },
          { timeout: 30_000, interval: 10 },
        );
        served = good;
      }
      // Without a look nothing changes, and runs see what they saw first.
      for (const [i, names] of wanted.entries()) {
        expect(await answersOf(readers[i]!, names)).toEqual(expected(served, names));
        for (const run of runs)
          expect(await answersOf(readers[i]!, names, run.seen)).toEqual(expected(run.content, names));
      }
    }
  } finally {
    for (const store of stores) await store.close();
    vi.restoreAllMocks();
  }
}

test("readers follow the file together, and no run sees two states", { timeout: 60_000 + RUNS * 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 8, maxLength: 24, size: "max" }), check),
    // Each look is a thread: shorter histories of a failure are not searched for.
    { numRuns: RUNS, endOnFailure: true },
  );
});
