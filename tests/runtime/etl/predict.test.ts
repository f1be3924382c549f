/** `predictOnnx` against what onnxruntime in Python answered: `tests/oracles/predict/generate.py`. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { predictOnnx } from "#runtime/etl/predict.js";
import { inFolder } from "./run-workflow.js";
import { type Cell, type Cells, readParquet, writeParquet } from "./table-values.js";
import { schemaOf } from "./workflow-plan.js";

const MODEL = fileURLToPath(new URL("../../fixtures/predict/tower.onnx", import.meta.url));
const { inputs, outputs } = JSON.parse(
  readFileSync(new URL("../../fixtures/predict/rows.json", import.meta.url), "utf8"),
) as { inputs: Cells; outputs: Cells };
const TYPES = { item_id: "int64", price: "float32", vector: "list<float32>" };

const refused = async (types: Record<string, string>, cells: Cells, message: string | RegExp, keep: string[] = []) =>
  inFolder(async folder => {
    const data = join(folder, "data.parquet");
    await writeParquet(data, schemaOf(types), cells);
    await expect(predictOnnx(MODEL, data, join(folder, "out.parquet"), { keep })).rejects.toThrow(message);
    expect(readdirSync(folder)).toEqual(["data.parquet"]);
  });

test("answers as onnxruntime, with columns carried", async () => {
  await inFolder(async folder => {
    const data = join(folder, "data.parquet");
    const when = inputs.item_id!.map((_, i) => `row ${i}`);
    await writeParquet(data, schemaOf({ ...TYPES, when: "string" }), { ...inputs, when });
    expect((await predictOnnx(MODEL, data, join(folder, "out.parquet"), { keep: ["when"] })).rows).toBe(5);
    const { cells, types } = await readParquet(join(folder, "out.parquet"));
    expect(types).toEqual({ when: "VARCHAR", embedding: "FLOAT[]", score: "FLOAT", id: "BIGINT" });
    expect(cells.when).toEqual(when);
    expect(cells.id).toEqual(outputs.id);
    const flat = (column: readonly Cell[]) => column.flat() as number[];
    for (const name of ["embedding", "score"])
      for (const [i, x] of flat(outputs[name]!).entries()) expect(flat(cells[name]!)[i]).toBeCloseTo(x, 5);
  });
});

test("a column that is an input too is carried under another name", async () => {
  await inFolder(async folder => {
    const [data, out] = [join(folder, "data.parquet"), join(folder, "out.parquet")];
    await writeParquet(data, schemaOf(TYPES), inputs);
    await predictOnnx(MODEL, data, out, { keep: ["item_id", { column: "item_id", as: "item_key" }, "item_id"] });
    const { cells, types } = await readParquet(out);
    expect(Object.keys(types)).toEqual(["item_id", "item_key", "embedding", "score", "id"]);
    expect(cells.item_key).toEqual(cells.item_id);
    const taken = [
      { column: "item_id", as: "x" },
      { column: "price", as: "x" },
    ];
    await expect(predictOnnx(MODEL, data, out, { keep: taken })).rejects.toThrow(
      "columns `item_id` and `price` cannot both be kept as `x`.",
    );
  });
});

test("a pair of values and offsets takes a column of lists, empty ones too; a null is refused with its row", async () => {
  const model = fileURLToPath(new URL("../../fixtures/predict/lists.onnx", import.meta.url));
  const rows = JSON.parse(readFileSync(new URL("../../fixtures/predict/lists.json", import.meta.url), "utf8")) as {
    inputs: Cells;
    outputs: { total: number[] };
  };
  const types = { genres: "list<int64>", price: "float32" };
  await inFolder(async folder => {
    const [data, out] = [join(folder, "data.parquet"), join(folder, "out.parquet")];
    await writeParquet(data, schemaOf(types), rows.inputs);
    await predictOnnx(model, data, out, { keep: ["genres"] });
    const { cells } = await readParquet(out);
    expect(cells.genres).toEqual(rows.inputs.genres);
    for (const [i, x] of rows.outputs.total.entries()) expect(cells.total![i]).toBeCloseTo(x, 5);
    await writeParquet(data, schemaOf(types), {
      genres: [
        [1, 2],
        [3, null],
      ],
      price: [1, 1],
    });
    await expect(predictOnnx(model, data, out)).rejects.toThrow("column `genres` is null in row 1");
  });
});

test("refuses what the model cannot take", async () => {
  const { item_id, price } = inputs as { [name: string]: Cell[] };
  await refused(
    { item_id: "int64", price: "float32" },
    { item_id: item_id!, price: price! },
    /has no column `vector`; it has `item_id`, `price`/,
  );
  await refused(
    TYPES,
    {
      item_id: [1, null],
      price: [1, 1],
      vector: [
        [1, 2, 3],
        [1, 2, 3],
      ],
    },
    "column `item_id` is null in row 1, and a model takes no nulls.",
  );
  await refused(
    TYPES,
    {
      item_id: [1, 2],
      price: [1, 1],
      vector: [
        [1, 2, 3],
        [1, 2],
      ],
    },
    /list with length 2 to array with length 3/,
  );
  await refused(
    { ...TYPES, item_id: "string" },
    { item_id: ["a"], price: [1], vector: [[1, 2, 3]] },
    /column `item_id` is VARCHAR, expected int64 item_id/,
  );
  await refused(TYPES, { item_id: [99], price: [1], vector: [[1, 2, 3]] }, /tower\.onnx` refused rows 0 to 0: /);
  await refused(
    { ...TYPES, score: "float32" },
    { item_id: [1], price: [1], vector: [[1, 2, 3]], score: [1] },
    "column `score` cannot be kept: the model has an output of that name. Keep it under another one: `--keep score=NAME`.",
    ["score"],
  );
});
