/**
 * Files for other readers: Merlin Models' and Transformers4Rec's readers take our schema files (tested by
 * `tests/oracles/nvtabular/read_schemas.py`), pandas and polars our Parquet.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { SCHEMA_SAMPLE } from "../../formats/merlin-schema/schema-sample.js";
import { python } from "../../needs/python.js";
import { fitCells, inFolder } from "./run-workflow.js";
import { writeParquet } from "./table-values.js";
import { workflowPlan } from "./workflow-plan.js";

const run = promisify(execFile);

interface Seen {
  readonly transformers4rec: readonly { name: string; tags: string[]; categories: number; longest: number }[];
  readonly models: {
    columns: string[];
    lists: string[];
    ragged: string[];
    cardinalities: Record<string, number>;
    embedding_sizes: Record<string, number>;
  };
}
const seen = JSON.parse(
  readFileSync(new URL("../../fixtures/nvtabular/readers.json", import.meta.url), "utf8"),
) as Seen;
const names = SCHEMA_SAMPLE.map(col => col.name);

test("Transformers4Rec reads names, tags, domains and list lengths out of schema.pbtxt", () => {
  expect(seen.transformers4rec.map(col => col.name)).toEqual(names);
  for (const [i, { tags, categories, longest }] of seen.transformers4rec.entries()) {
    const { tags: ours, properties, list } = SCHEMA_SAMPLE[i]!;
    expect(tags).toEqual([...ours].sort());
    expect(categories).toBe((properties.domain as { max?: number } | undefined)?.max ?? 0);
    expect(longest).toBe(list?.max ?? 0);
  }
});

test("Merlin Models reads columns, lists and cardinalities out of schema.json", () => {
  expect(seen.models.columns).toEqual(names);
  expect(seen.models.lists).toEqual(SCHEMA_SAMPLE.filter(col => col.list).map(col => col.name));
  expect(seen.models.ragged).toEqual(
    SCHEMA_SAMPLE.filter(col => col.list && col.list.min !== col.list.max).map(col => col.name),
  );
  expect(seen.models.cardinalities).toEqual({ item_id: 10 });
});

const READ = `
import json, sys
import pandas, polars
file = sys.argv[1]
a, b = pandas.read_parquet(file), polars.read_parquet(file)
plain = lambda value: None if value is None or value != value else getattr(value, "item", lambda: value)()
print(json.dumps({
  "pandas": {name: [[plain(x) for x in v] if hasattr(v, "__len__") and not isinstance(v, str) else plain(v) for v in a[name].tolist()] for name in a.columns},
  "polars": b.to_dict(as_series=False),
  "types": {name: str(type) for name, type in b.schema.items()},
}))
`;

test("pandas and polars read a transform's Parquet, nulls and lists included", async () => {
  await inFolder(async folder => {
    const types = { brand: "string", seen: "list<int64>", price: "float64", age: "int32" };
    const cells = { brand: ["a", null, "b"], seen: [[1, 2], [], [2]], price: [1, null, 3], age: [7, null, 9] };
    const plan = workflowPlan(types, [
      { op: "categorify", columns: ["brand", "seen"] },
      { op: "normalizeMinMax", params: { outDtype: "float32" }, columns: ["price"] },
    ]);
    const fitted = await fitCells(folder, plan, cells);
    const data = join(folder, "request.parquet");
    await writeParquet(data, fitted.inputs, cells);
    await transformWorkflow(join(folder, "fitted"), data, join(folder, "out.parquet"));
    const { stdout } = await run(python(), ["-c", READ, join(folder, "out.parquet")]);
    const read = JSON.parse(stdout) as Record<"pandas" | "polars" | "types", Record<string, unknown>>;
    const expected = { brand: [3, 1, 4], seen: [[4, 3], [], [3]], price: [0, null, 1], age: [7, null, 9] };
    expect(read.polars).toEqual(expected);
    expect(read.pandas).toEqual(expected);
    expect(read.types).toEqual({ brand: "Int64", seen: "List(Int64)", price: "Float32", age: "Int32" });
  });
});
