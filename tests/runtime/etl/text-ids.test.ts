/** `buildIndex` with text ids: FAISS finds the positions of the map, and a map that is damaged or of another index is refused. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readFaissHeaderFile } from "#formats/faiss/faiss.js";
import { readTextIds, textIdsFile } from "#formats/faiss/text-ids.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { buildIndex } from "#runtime/etl/index-build.js";
import { excludedTexts, textPositions } from "#runtime/stores/vectors/text-positions.js";
import { lists, scalars } from "../../operators/step.js";
import { inFolder } from "./run-workflow.js";
import { type Cell, writeParquet } from "./table-values.js";
import { schemaOf } from "./workflow-plan.js";

const { Index } = createRequire(import.meta.url)("faiss-node") as {
  Index: { read(file: string): { search(query: number[], k: number): { labels: number[] } } };
};

/** An empty text, text beyond the BMP, and two texts that look the same. */
const TEXTS = ["north", "süd", "", "日本🍣", "e\u0301", "\u00e9", "a\n\tb", "0017"];
const vector = (i: number): number[] => [Math.fround(Math.cos(i * 0.7)), Math.fround(Math.sin(i * 0.7))];

async function built(folder: string, ids: readonly Cell[] = TEXTS, options: object = {}, name = "i.faiss") {
  const data = join(folder, "e.parquet");
  await writeParquet(data, schemaOf({ id: "string", e: "list<float32>" }), {
    id: ids,
    e: ids.map((_, i) => vector(i)),
  });
  const index = join(folder, name);
  await buildIndex(data, index, { id: "id", embedding: "e", textIds: true, ...options });
  return { index, map: textIdsFile(index), ntotal: ids.length };
}

test.each(["Flat", "IVF2,Flat", "HNSW4", "SQ8"])("%s: the texts of FAISS's results", factory =>
  inFolder(async folder => {
    const { index, map, ntotal } = await built(folder, TEXTS, { factory });
    expect(readdirSync(folder).sort()).toEqual(["e.parquet", "i.faiss", "i.faiss.ids.arrow"]);
    expect(readFaissHeaderFile(index).ntotal).toBe(ntotal);
    const ids = readTextIds(map, { index, ntotal });
    expect(Array.from(TEXTS, (_, i) => ids.at(i))).toEqual(TEXTS);
    const faiss = Index.read(index);
    for (const [i, text] of TEXTS.entries()) expect(ids.at(faiss.search(vector(i), 1).labels[0]!)).toBe(text);
    const positionOf = await textPositions(ids);
    expect(TEXTS.map(positionOf)).toEqual(TEXTS.map((_, i) => i));
    expect(positionOf("west")).toBe(-1);
    const texts = lists("string", [["süd", "west", "north", ""], [], ["0017"]]);
    const column = { ...texts, validity: Uint8Array.of(1, 1, 0, 1, 1) };
    const { ids: left, offsets } = excludedTexts(column, column.rows, positionOf);
    expect([[...left], [...offsets]]).toEqual([
      [1n, 2n, 7n],
      [0, 2, 2, 3],
    ]);
    expect(() => excludedTexts(scalars("int64", [1]), rootRows(1), positionOf)).toThrow(
      "`exclude` holds int64, and the ids of the index are texts.",
    );
  }),
);

test("equal data make equal maps; integer ids leave no map behind", () =>
  inFolder(async folder => {
    const { map, index } = await built(folder);
    const first = readFileSync(map);
    await built(folder);
    expect(readFileSync(map).equals(first)).toBe(true);
    const data = join(folder, "n.parquet");
    await writeParquet(data, schemaOf({ id: "int64", e: "list<float32>" }), { id: [7], e: [[1, 0]] });
    await buildIndex(data, index, { id: "id", embedding: "e" });
    expect(existsSync(map)).toBe(false);
  }));

test("another file at the path of the map is neither overwritten nor removed", () =>
  inFolder(async folder => {
    const { map } = await built(folder);
    await built(folder);
    for (const content of ["mine", readFileSync(join(folder, "e.parquet"))]) {
      writeFileSync(map, content);
      for (const textIds of [true, false])
        await expect(built(folder, TEXTS, { textIds })).rejects.toThrow(
          "i.faiss.ids.arrow is not the id map of this index, and its id map would replace it: move the file",
        );
      expect(readFileSync(map)).toEqual(Buffer.from(content));
    }
  }));

test("a text twice, a null and integers are refused with the row, and nothing is written", () =>
  inFolder(async folder => {
    const refuse = async (ids: readonly Cell[], message: string) => {
      await expect(built(folder, ids)).rejects.toThrow(message);
      expect(readdirSync(folder)).toEqual(["e.parquet"]);
    };
    await refuse(
      ["a", "b", "c", "b"],
      'column `id` has the id "b" in 2 rows (1 and 3, from 0). Each id must be unique.',
    );
    await refuse(["", "x", ""], 'column `id` has the id "" in 2 rows (0 and 2, from 0).');
    await refuse(["a", null], "column `id` is null in 1 of 2 rows. Each vector needs an id");
    const long = "x".repeat(100_000);
    await refuse([long, long], `column \`id\` has the id "${"x".repeat(80)}" in 2 rows`);
    const data = join(folder, "e.parquet");
    await writeParquet(data, schemaOf({ id: "int64", e: "list<float32>" }), { id: [1], e: [[1, 0]] });
    await expect(
      buildIndex(data, join(folder, "i.faiss"), { id: "id", embedding: "e", textIds: true }),
    ).rejects.toThrow(/column `id` is BIGINT/);
  }));
