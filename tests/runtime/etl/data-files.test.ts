/** Files of every format in, files of every layout out: all give the same rows; what is wrong with one is named. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tableFromIPC } from "apache-arrow";
import { describe, expect, test, vi } from "vitest";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { merlon } from "../../cli/merlon-command.js";
import { fitCells, inFolder } from "./run-workflow.js";
import { readParquet, withDuckDB, writeParquet } from "./table-values.js";
import { schemaOf, workflowPlan } from "./workflow-plan.js";

vi.setConfig({ testTimeout: 60_000 });

const TYPES = { id: "int64", brand: "string", price: "float32", tags: "list<int64>" };
const CELLS = {
  id: ["9007199254740993", 7, null, 7, 5],
  brand: ["x", null, "é", "x", "y"],
  price: [1.5, null, 3, 4, 5],
  tags: [[1, 2], [], null, [2], [3, 2]],
};
const PLAN = workflowPlan(TYPES, [
  { op: "categorify", columns: ["id", "brand", "tags"] },
  { op: "fillMissing", columns: ["price"] },
]);

describe("a named part of a workflow", () => {
  const plan = { ...PLAN, subgraphs: { item: PLAN.outputs.filter(({ schema }) => schema.name === "id") } };
  test("reads its own columns alone, and makes the same values as the whole", async () => {
    await inFolder(async folder => {
      await fitCells(folder, plan, CELLS);
      const run = (data: string, out: string, ...words: string[]) =>
        merlon(folder, "transform", "fitted", "--data", data, "--out", out, ...words);
      await withDuckDB(query =>
        query(`COPY (SELECT id FROM '${folder}/fit.parquet') TO '${folder}/items.parquet' (FORMAT parquet)`),
      );
      expect(await run("fit.parquet", "whole.parquet")).toMatchObject({ status: 0, err: "" });
      expect(await run("items.parquet", "item.parquet", "--subgraph", "item")).toMatchObject({ status: 0, err: "" });
      const { cells } = await readParquet(join(folder, "whole.parquet"));
      expect((await readParquet(join(folder, "item.parquet"))).cells).toEqual({ id: cells.id });
      expect(await run("items.parquet", "parts", "--subgraph", "item")).toMatchObject({ status: 0, err: "" });
      expect(readFileSync(join(folder, "parts", "schema.pbtxt"), "utf8")).not.toContain("brand");
      const wrong = await run("items.parquet", "wrong.parquet", "--subgraph", "items");
      expect(wrong.status).toBe(1);
      expect(wrong.err).toMatch(/`--subgraph items`: `fitted` has no such part; it has `item`\. Did you mean `item`\?/);
    });
  });
});

describe("formats", () => {
  test("Parquet, CSV, JSON lines and Arrow hold the same; the output of `.arrow` equals Parquet's", async () => {
    await inFolder(async folder => {
      await fitCells(folder, PLAN, CELLS);
      const fitted = join(folder, "fitted");
      const data = join(folder, "fit.parquet");
      await transformWorkflow(fitted, data, join(folder, "parquet.parquet"));
      const expected = await readParquet(join(folder, "parquet.parquet"));
      await withDuckDB(async query => {
        await query(`COPY (FROM '${data}') TO '${folder}/data.jsonl' (FORMAT json)`);
        await query(`COPY (FROM '${data}') TO '${folder}/data.csv' (FORMAT csv, HEADER)`);
      });
      // A workflow without operators writes its data: that is how the Arrow file is made.
      await inFolder(async plain => {
        await fitCells(
          plain,
          workflowPlan(TYPES, [{ op: "addTags", params: { tags: ["a"] }, columns: ["id"] }]),
          CELLS,
        );
        await transformWorkflow(join(plain, "fitted"), data, join(folder, "data.arrow"));
      });
      for (const format of ["jsonl", "csv", "arrow"]) {
        await transformWorkflow(fitted, join(folder, `data.${format}`), join(folder, `${format}.parquet`));
        expect(await readParquet(join(folder, `${format}.parquet`)), format).toEqual(expected);
        const { rows, states } = await fitWorkflow(PLAN, join(folder, `data.${format}`), {
          folder: join(folder, format),
        });
        expect([rows, states.get("categorify_0")], format).toEqual([
          5,
          expect.objectContaining({ columns: expect.anything() }),
        ]);
        expect(readFileSync(join(folder, format, "categories/unique.id.arrow"))).toEqual(
          readFileSync(join(fitted, "categories/unique.id.arrow")),
        );
      }
      await transformWorkflow(fitted, data, join(folder, "out.arrow"), { shuffle: { seed: 1 } });
      await transformWorkflow(fitted, data, join(folder, "plain.arrow"));
      const table = tableFromIPC(readFileSync(join(folder, "plain.arrow")));
      const ids = [...table.getChild("id")!].map(Number);
      expect(ids).toEqual(expected.cells.id);
      expect([...table.getChild("tags")!].map(list => [...(list as Iterable<bigint>)].map(Number))).toEqual(
        expected.cells.tags,
      );
      expect([...tableFromIPC(readFileSync(join(folder, "out.arrow"))).getChild("id")!].map(Number).sort()).toEqual(
        [...ids].sort(),
      );
    });
  });

  test("Hive's partitions are columns, of the type that is declared", async () => {
    await inFolder(async folder => {
      for (const [day, n] of [
        ["01", 1],
        ["02", 2],
      ] as const) {
        mkdirSync(join(folder, `in/day=${day}`), { recursive: true });
        await writeParquet(join(folder, `in/day=${day}/a.parquet`), schemaOf({ n: "int32" }), { n: [n, n] });
      }
      const plan = workflowPlan({ day: "string", n: "int32" }, [{ op: "categorify", columns: ["day"] }]);
      const { rows } = await fitWorkflow(plan, join(folder, "in"), { folder: join(folder, "etl") });
      expect(rows).toBe(4);
      const { cells } = await inFolder(async at => {
        const cells = { day: ["01", "02"], n: [1, 2] };
        await fitCells(at, plan, cells);
        await transformWorkflow(join(at, "fitted"), join(folder, "in"), join(folder, "out"), { partitionBy: ["n"] });
        expect(readdirSync(join(folder, "out")).filter(name => name.startsWith("n="))).toEqual(["n=1", "n=2"]);
        return readParquet(join(folder, "out/n=2/data_0.parquet"));
      });
      expect(cells).toEqual({ day: [4, 4], n: [2, 2] });
    });
  });
});

describe("layouts", () => {
  const manyRows = async (work: (folder: string, data: string) => Promise<void>) =>
    inFolder(async folder => {
      const plan = workflowPlan({ i: "int64" }, [{ op: "clip", params: { min: 0 } }]);
      await fitCells(folder, plan, { i: [1] });
      const data = join(folder, "many.parquet");
      await withDuckDB(query => query(`COPY (SELECT i FROM range(10000) t(i)) TO '${data}' (FORMAT parquet)`));
      await work(folder, data);
    });

  test.each([
    {
      op: "differenceLag",
      links: [{ op: "differenceLag" as const, params: { shift: 1 }, columns: ["x"], ports: { partition: ["key"] } }],
      made: "x_difference_lag_1",
    },
    {
      op: "groupby",
      links: [{ op: "groupby" as const, params: { by: ["key"], aggs: { x: ["list"] } } }],
      made: "x_list",
    },
  ])("$op sees the rows of all files, as the fit did: those of Parquet and of CSV", async ({ links, made }) => {
    await inFolder(async folder => {
      const types = { key: "int64", x: "int64" };
      // Groups of neighbors, most of them in two files.
      const rows = Array.from({ length: 40 }, (_, i) => ({ key: 9 - Math.floor(i / 6), x: i * i }));
      const cells = (some: typeof rows) => ({ key: some.map(row => row.key), x: some.map(row => row.x) });
      await fitCells(folder, workflowPlan(types, links), cells(rows));
      const fitted = join(folder, "fitted");
      await transformWorkflow(fitted, join(folder, "fit.parquet"), join(folder, "whole.parquet"));
      const whole = (await readParquet(join(folder, "whole.parquet"))).cells;
      mkdirSync(join(folder, "data"));
      mkdirSync(join(folder, "text"));
      const bounds = [0, 9, 10, 11, 40];
      for (const [i, end] of bounds.slice(1).entries()) {
        const part = join(folder, "data", `${i}.parquet`);
        await writeParquet(part, schemaOf(types), cells(rows.slice(bounds[i], end)));
        await withDuckDB(query => query(`COPY (FROM '${part}') TO '${folder}/text/${i}.csv' (FORMAT csv, HEADER)`));
      }
      for (const data of ["data", "text"]) {
        await transformWorkflow(fitted, join(folder, data), join(folder, "out"));
        const parts = await Promise.all(
          bounds.slice(1).map(async (_, i) => (await readParquet(join(folder, `out/part-0000${i}.parquet`))).cells),
        );
        for (const name of ["key", made]) expect(parts.flatMap(part => part[name]!)).toEqual(whole[name]);
        // A group is written to the file of its first row.
        const counts = made === "x_list" ? [2, 0, 0, 5] : [9, 1, 1, 29];
        expect(parts.map(part => part.key!.length)).toEqual(counts);
      }
    });
  });

  test("what does not go together is refused before anything is written", async () => {
    await manyRows(async (folder, data) => {
      const run = (out: string, options: object) =>
        transformWorkflow(join(folder, "fitted"), data, join(folder, out), options);
      await expect(run("o.parquet", { outFiles: 2 })).rejects.toThrow(/o\.parquet` is one file; `--out-files`/);
      await expect(run("o", { outFiles: 0 })).rejects.toThrow(
        "`--out-files` is a whole number from 1 to 10000. Got 0.",
      );
      await expect(run("o", { partitionBy: ["j"] })).rejects.toThrow(
        "`--partition-by j`: the output has no such column.",
      );
      expect(readdirSync(folder).sort()).toEqual(["fit.parquet", "fitted", "many.parquet"]);
    });
  });
});

describe("bad files", () => {
  test("a column that a file has twice, and Parquet without columns, are named", async () => {
    await inFolder(async folder => {
      const plan = workflowPlan({ x: "float64" }, [{ op: "normalize" }]);
      const fitOn = (name: string) => fitWorkflow(plan, join(folder, name), { folder: join(folder, "fit") });
      const write = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content);
      // Made by pyarrow: two columns x, and none.
      for (const name of ["doubled.parquet", "no-columns.parquet", "doubled.arrow"])
        write(name, readFileSync(join(import.meta.dirname, "../../fixtures/data-files", name)));
      write("a.csv", "x,x,y\n1,2,3\n");
      write("b.csv", '"x";y;x\n1;2;3\n');
      for (const name of ["doubled.parquet", "doubled.arrow", "a.csv", "b.csv"])
        await expect(fitOn(name), name).rejects.toThrow(
          new RegExp(`^\`.*${name}\` has two columns \`x\`\\. Rename one of them, or leave it out\\.$`),
        );
      write("other.csv", "x,x_1,y\n1,2,3\n2,2,3\n");
      expect((await fitOn("other.csv")).rows).toBe(2);
      await expect(fitOn("no-columns.parquet")).rejects.toThrow(/no-columns\.parquet` has no columns\. Leave it out/);
    });
  });
  const plan = workflowPlan({ id: "int64", brand: "string" }, [{ op: "categorify" }]);
  const two = (second: Parameters<typeof writeParquet>[1], cells: Parameters<typeof writeParquet>[2]) =>
    inFolder(async folder => {
      await writeParquet(join(folder, "a.parquet"), schemaOf({ id: "int64", brand: "string" }), {
        id: [1],
        brand: ["x"],
      });
      await writeParquet(join(folder, "b.parquet"), second, cells);
      return fitWorkflow(plan, folder, { folder: join(folder, "out") });
    });
  test("a file whose columns differ, and one whose dtype does, are named", async () => {
    await expect(two(schemaOf({ id: "int64" }), { id: [1] })).rejects.toThrow(
      /b\.parquet` has no column `brand`; it has `id`\./,
    );
    await expect(two(schemaOf({ id: "string", brand: "string" }), { id: ["1"], brand: ["x"] })).rejects.toThrow(
      /b\.parquet`: column `id` is VARCHAR, expected int64 id\. Write it as an integer, or, if it holds times/,
    );
    await expect(two(schemaOf({ id: "float64", brand: "string" }), { id: [1.5], brand: ["x"] })).rejects.toThrow(
      /b\.parquet`: column `id` is DOUBLE, expected int64 id\. Declare it float64/,
    );
  });
  test("columns in another order, a narrower integer and an empty file among others are not a mistake", async () => {
    expect((await two(schemaOf({ brand: "string", id: "int32" }), { brand: ["y"], id: [2] })).rows).toBe(2);
    expect((await two(schemaOf({ id: "int64", brand: "string" }), { id: [], brand: [] })).rows).toBe(1);
  });
  test("a file that is not an Arrow file, and bad JSON, by name", async () => {
    await inFolder(async folder => {
      writeFileSync(join(folder, "a.arrow"), "nothing of the kind");
      writeFileSync(join(folder, "b.jsonl"), '{"id": 1, "brand": "x"}\n{"id": \n');
      await expect(fitWorkflow(plan, join(folder, "a.arrow"), { folder })).rejects.toThrow(/a\.arrow/);
      await expect(fitWorkflow(plan, join(folder, "b.jsonl"), { folder })).rejects.toThrow(/failed: .*JSON/);
    });
  });
});
