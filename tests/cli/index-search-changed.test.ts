// `merlon index search` finds what `merlon index apply` changed: the items of exact distances over the table as it is now.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { applyChanges } from "#runtime/etl/delta/apply.js";
import { compactIndex } from "#runtime/etl/delta/compact.js";
import { buildIndex } from "#runtime/etl/index-build.js";
import { writeParquet } from "../runtime/etl/table-values.js";
import { schemaOf } from "../runtime/etl/workflow-plan.js";
import { merlon } from "./merlon-command.js";

type Items = ReadonlyMap<number | string, readonly number[]>;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-search-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (name: string, items: Items) =>
  writeParquet(
    join(folder, name),
    schemaOf({ item_id: typeof [...items.keys()][0] === "string" ? "string" : "int64", embedding: "list<float32>" }),
    { item_id: [...items.keys()], embedding: [...items.values()].map(vector => [...vector]) },
  );
const search = (...more: string[]) =>
  merlon(folder, "index", "search", "items.faiss", "--query", "1,0.5", "--topk", "4", ...more);

/** The lines of a search for [1, 0.5] by squared distance. Vectors are of halves, so that float32 is exact. */
const nearest = (items: Items): string =>
  [...items]
    .map(([id, [x, y]]) => ({ id, distance: (x! - 1) ** 2 + (y! - 0.5) ** 2 }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 4)
    .map(({ id, distance }) => `0\t${typeof id === "string" ? JSON.stringify(id) : id}\t${distance}\n`)
    .join("");

const options = { id: "item_id", embedding: "embedding" };
const apply = (upserts: string[], deletes: string[], index = "items.faiss") =>
  applyChanges(join(folder, index), {
    ...options,
    upserts: upserts.map(file => join(folder, file)),
    deletes: deletes.map(file => join(folder, file)),
    waitMs: 1000,
  });

describe.each(["int64", "string"] as const)("%s ids", kind => {
  const name = (i: number) => (kind === "string" ? `sku ${i}` : i);
  // Distances of [1, 0.5] rise with the number of the item.
  const base: Items = new Map(Array.from({ length: 9 }, (_, i) => [name(i), [1 + i, 0.5]]));
  const fresh: Items = new Map([
    [name(0), [50, 0.5]],
    [name(20), [1, 1]],
    [name(21), [1, 2]],
  ]);
  const now: Items = new Map([...[...base].filter(([id]) => id !== name(2)), ...fresh]);

  test.each(["Flat", "IVF2,Flat", "HNSW8,Flat"])(
    "upserts and deletions of %s, until a compaction and after it",
    { timeout: 120_000 },
    async factory => {
      await write("base.parquet", base);
      await write("fresh.parquet", fresh);
      writeFileSync(join(folder, "gone.txt"), `${name(2)}\n`);
      await buildIndex(join(folder, "base.parquet"), join(folder, "items.faiss"), {
        ...options,
        factory,
        metric: "l2",
        textIds: kind === "string",
        ...(factory.startsWith("IVF") && { nprobe: 2 }),
      });
      expect((await search()).out).toBe(nearest(base));
      await apply(["fresh.parquet"], ["gone.txt"]);
      expect(await search()).toEqual({ status: 0, out: nearest(now), err: "" });
      expect(await search("--base")).toEqual({ status: 0, out: nearest(base), err: "" });
      await compactIndex(join(folder, "items.faiss"), { waitMs: 1000 });
      for (const more of [[], ["--base"]]) expect((await search(...more)).out).toBe(nearest(now));
    },
  );
});

describe("an index of integers", () => {
  const base: Items = new Map(Array.from({ length: 3 }, (_, i) => [i, [1 + i, 0.5]]));
  beforeEach(async () => {
    await write("base.parquet", base);
    await write("fresh.parquet", new Map([[7, [1, 1]]]));
    writeFileSync(join(folder, "gone.txt"), "0\n1\n2\n");
    await buildIndex(join(folder, "base.parquet"), join(folder, "items.faiss"), { ...options, metric: "l2" });
  });

  test("a delta of another build, whose base can be searched", async () => {
    await apply(["fresh.parquet"], []);
    await write("base.parquet", new Map([[3, [1, 0.5]]]));
    await buildIndex(join(folder, "base.parquet"), join(folder, "items.faiss"), { ...options, metric: "l2" });
    const { err, out, status } = await search();
    expect(err).toMatch(
      /items\.faiss\.delta belongs to another build of .*items\.faiss\. `merlon index apply --carry-over`/,
    );
    expect({ out, status }).toEqual({ out: "", status: 1 });
    expect((await search("--base")).out).toBe("0\t3\t0\n");
  });

  test.each([
    ["a file that is not a delta", "no delta", /items\.faiss\.delta is not a delta of an index\. Move it away\./],
    [
      "a damaged header",
      `MERLONDL\u0001\0\0\0\u0008\0\0\0${"{}".padEnd(64)}`,
      /items\.faiss\.delta is damaged: its header/,
    ],
  ])("%s", async (_, bytes, message) => {
    writeFileSync(join(folder, "items.faiss.delta"), bytes);
    const { err, out, status } = await search();
    expect(err).toMatch(message);
    expect({ out, status }).toEqual({ out: "", status: 1 });
  });
});
