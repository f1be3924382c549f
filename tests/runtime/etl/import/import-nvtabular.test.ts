/** `merlon import nvtabular`: what it makes of a saved workflow answers as NVTabular did, offline and online. */
import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test, vi } from "vitest";
import { importNvtabular } from "#cli/import-nvtabular.js";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { verifyWorkflow } from "#runtime/etl/verify.js";
import { merlon } from "../../../cli/merlon-command.js";
import { inFolder } from "../run-workflow.js";
import { readParquet } from "../table-values.js";

vi.setConfig({ testTimeout: 60_000 });

const FIXTURE = fileURLToPath(new URL("../../../fixtures/nvtabular-import/", import.meta.url));

type Cell = number | string | null | readonly (number | string | null)[];
interface Expected {
  readonly columns: Readonly<Record<string, readonly Cell[]>>;
  readonly dtypes: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, readonly string[]>>;
}
const expectedOf = (name: string) => JSON.parse(readFileSync(join(FIXTURE, name, "expected.json"), "utf8")) as Expected;
const DUCKDB: Readonly<Record<string, string>> = {
  int8: "TINYINT",
  int16: "SMALLINT",
  int64: "BIGINT",
  int32: "INTEGER",
  float64: "DOUBLE",
  float32: "FLOAT",
  // Merlon makes other types of these: wider floats, and nanoseconds.
  float16: "FLOAT",
  "datetime64[ns]": "BIGINT",
};

/** Numbers are equal to this number of decimals if either is not an integer. */
function expectCell(found: unknown, wanted: Cell, what: string, decimals = 5): void {
  if (Array.isArray(wanted)) {
    expect(found, what).toHaveLength(wanted.length);
    for (const [i, item] of wanted.entries()) expectCell((found as unknown[])[i], item, `${what}[${i}]`);
  } else if (typeof wanted === "number" && !Number.isSafeInteger(wanted) && Number.isInteger(wanted))
    expect(Number(found), what).toBe(wanted);
  else if (typeof wanted === "number" && !(Number.isInteger(wanted) && Number.isInteger(found)))
    expect(found, what).toBeCloseTo(wanted, decimals);
  else expect(found, what).toBe(wanted);
}

/** A copy of the exported folder, to be changed. */
const withCopy = (work: (folder: string) => Promise<void>) =>
  inFolder(async folder => {
    cpSync(join(FIXTURE, "shop/exported"), join(folder, "exported"), { recursive: true });
    await work(folder);
  });

describe("a saved workflow of NVTabular 23.08", () => {
  const half = "warning: node 14 (Normalize): makes float32, not float16; the values are the same or closer.\n";
  const nulls =
    "warning: node 2 (TargetEncoding): NVTabular counts no rows for nulls of `brand` in the mean of `bought`. A null is encoded as 0.716667, here too. `merlon fit` counts the rows.\n";
  const minimum = (node: number, at: string) =>
    `warning: node ${node} (UDF): \`.min()\` is ${at}, as of the data given; NVTabular takes it of each partition and request\n`;
  test.each([
    { name: "shop", nodes: 30, rowsOf: 60, warnings: "" },
    { name: "every-operator", nodes: 48, rowsOf: 40, warnings: "" },
    { name: "sessions", nodes: 19, rowsOf: 60, warnings: "" },
    { name: "grouped", nodes: 3, rowsOf: 40, warnings: "" },
    { name: "names", nodes: 17, rowsOf: 30, warnings: half },
    { name: "null-keys", nodes: 5, rowsOf: 30, warnings: nulls },
    { name: "rees46-preprocess", nodes: 4, rowsOf: 40, warnings: "" },
    { name: "rees46", nodes: 49, rowsOf: 150, warnings: minimum(44, "2019-10-01 00:29:48") },
    { name: "yoochoose", nodes: 35, rowsOf: 150, warnings: minimum(30, "2019-10-01 02:29:24") },
    { name: "getting-started", nodes: 21, rowsOf: 60, warnings: "" },
  ])(
    "answers as NVTabular ($name): every column, in order, value and dtype, through SQL and through the kernels",
    async ({ name, nodes, rowsOf, warnings }) => {
      await inFolder(async folder => {
        const expected = expectedOf(name);
        const exported = join(FIXTURE, name, "exported");
        const { status, out, err } = await merlon(folder, "import", "nvtabular", exported, "--out", "etl/shop");
        expect([status, err]).toEqual([0, warnings]);
        expect(out).toBe(`✔ Imported ${nodes} nodes: etl/shop.workflow.ts, etl/shop\n`);
        const rows = join(FIXTURE, name, "rows.parquet");
        await transformWorkflow(join(folder, "etl/shop"), rows, join(folder, "out.parquet"));
        const { cells, types } = await readParquet(join(folder, "out.parquet"));
        expect(Object.keys(cells)).toEqual(Object.keys(expected.columns));
        for (const [column, wanted] of Object.entries(expected.columns)) {
          const dtype = expected.dtypes[column]!;
          // pandas has no integers with nulls.
          const isJoined = ["item", "stock"].includes(column);
          if (dtype !== "object") expect(types[column], column).toBe(isJoined ? "BIGINT" : DUCKDB[dtype]);
          expect(cells[column], column).toHaveLength(wanted.length);
          for (const [i, cell] of wanted.entries())
            expectCell(cells[column]![i], cell, `${column}[${i}]`, dtype === "float16" ? 2 : 5);
        }
        // The same rows the way a server answers them.
        const verified = await verifyWorkflow(join(folder, "etl/shop"), { against: rows });
        expect(verified).toEqual({ golden: undefined, compared: rowsOf });
      });
    },
  );
});

describe("--remove-inputs", () => {
  const LABELS = join(FIXTURE, "labels/exported");
  const importing = (folder: string, from: string, ...names: string[]) =>
    merlon(folder, "import", "nvtabular", from, "--out", "etl/serving", ...names.flatMap(n => ["--remove-inputs", n]));
  interface Plan {
    readonly inputs: readonly { name: string }[];
    readonly outputs: readonly { schema: { name: string } }[];
    readonly subgraphs?: object;
  }
  const planOf = (folder: string) =>
    JSON.parse(readFileSync(join(folder, "etl/serving/workflow.json"), "utf8")) as Plan;
  /** NVTabular removes it, since its mean was learned from `views`. A request does not need `views` for it. */
  const LEARNED = "city_views_mean";

  test("answers as NVTabular for rows without these columns, and keeps what was learned from them", async () => {
    await inFolder(async folder => {
      const expected = expectedOf("labels");
      const { status, out, err } = await importing(folder, LABELS, "bought, views");
      expect(status).toBe(0);
      // The first import, of all columns, does not repeat it.
      expect(err).toMatch(
        /^warning: node 6 \(TargetEncoding\): NVTabular counts no rows for nulls of `brand`[^\n]*\n$/,
      );
      expect(out).toBe(
        "✔ Imported 17 nodes: etl/serving.workflow.ts, etl/serving\nRemoved the columns bought, views_scaled.\n",
      );
      const { inputs, outputs } = planOf(folder);
      expect(inputs.map(({ name }) => name).sort()).toEqual(["brand", "city", "item_id", "price"]);
      const rows = join(FIXTURE, "labels/rows.parquet");
      await transformWorkflow(join(folder, "etl/serving"), rows, join(folder, "out.parquet"));
      const { cells } = await readParquet(join(folder, "out.parquet"));
      expect(Object.keys(cells)).toEqual(outputs.map(({ schema }) => schema.name));
      expect(Object.keys(cells).filter(name => name !== LEARNED)).toEqual(Object.keys(expected.columns));
      for (const [column, wanted] of Object.entries(expected.columns))
        for (const [i, cell] of wanted.entries()) expectCell(cells[column]![i], cell, `${column}[${i}]`);
      expect(await verifyWorkflow(join(folder, "etl/serving"), { against: rows })).toMatchObject({ compared: 30 });
    });
  });

  test.each([
    [
      "a name that is not an input",
      "shop",
      "boght",
      /--remove-inputs names `boght`, which is not an input of the workflow\. Did you mean `bought`\? Its inputs are `brand`,/,
    ],
    [
      "a column that is made of others too",
      "shop",
      "brand",
      /column `brand_city` is made of `brand`, which --remove-inputs names, and of `city`\. Name it too, or delete the column from etl\/serving\.workflow\.ts and run `merlon fit`\./,
    ],
    [
      "all columns",
      "rees46-preprocess",
      "ALL",
      /all columns of the workflow are made of .*, which --remove-inputs names\. Name fewer columns\./,
    ],
    ["an empty name", "shop", "brand,,city", /Names of columns are expected, such as label,rating\./],
  ])("refuses %s, and writes no fitted folder", async (_, from, names, message) => {
    await inFolder(async folder => {
      const exported = join(FIXTURE, from, "exported");
      const graph = JSON.parse(readFileSync(join(exported, "graph.json"), "utf8")) as {
        nodes: { parent_ids: number[]; output_schema: { name: string }[] }[];
      };
      const roots = graph.nodes.filter(n => n.parent_ids.length === 0).flatMap(n => n.output_schema.map(c => c.name));
      const { status, err } = await importing(folder, exported, names === "ALL" ? roots.join(",") : names);
      expect(status).toBe(1);
      expect(err).toMatch(message);
      expect(existsSync(join(folder, "etl/serving"))).toBe(false);
    });
  });
});

describe("what cannot be imported", () => {
  const refused = async (folder: string, message: string) =>
    expect(importNvtabular(join(folder, "exported"), { out: join(folder, "etl"), force: true })).rejects.toThrow(
      message,
    );
  const edit = (
    folder: string,
    change: (graph: { nodes: Record<string, unknown>[]; format_version: number }) => void,
  ) => {
    const file = join(folder, "exported/graph.json");
    const graph = JSON.parse(readFileSync(file, "utf8"));
    change(graph);
    writeFileSync(file, JSON.stringify(graph));
  };

  test("a pickle, a newer form, a Python function and a missing file are named", async () => {
    await withCopy(async folder => {
      const graph = join(folder, "exported/graph.json");
      renameSync(graph, `${graph}.away`);
      await refused(folder, "/exported has no graph.json. Give the folder that NVTabular's `Workflow.save` wrote");
      writeFileSync(join(folder, "exported/workflow.pkl"), "");
      await refused(
        folder,
        "holds a pickled workflow (workflow.pkl), which only NVTabular reads. On a machine with NVTabular, run `python tools/export_nvtabular.py",
      );
      renameSync(`${graph}.away`, graph);
      edit(folder, g => {
        g.format_version = 2;
      });
      await refused(folder, "graph.json has format_version 2; this Merlon reads 1.");
    });
    await withCopy(async folder => {
      edit(folder, g => {
        const node = g.nodes.find(one => String(one.op_class).endsWith("LogOp"))!;
        node.op_class = "nvtabular.ops.lambdaop.LambdaOp";
        node.op_params = {};
      });
      await refused(
        folder,
        "(LambdaOp) holds a Python function, which is not imported. Export the workflow with tools/export_nvtabular.py of this release, or write it as `lambdaOp` or `filter`, and fit.",
      );
    });
    await withCopy(async folder => {
      edit(folder, g => {
        const node = g.nodes.find(one => String(one.op_class).endsWith("Categorify"))!;
        (node.op_state as { categories: { path: string }[] }).categories[0]!.path = "../../elsewhere.parquet";
      });
      await refused(folder, "the path `../../elsewhere.parquet` of `brand_city` leads out of the saved workflow.");
    });
    await withCopy(async folder => {
      edit(folder, g => {
        const node = g.nodes.find(one => String(one.op_class).endsWith(".Normalize"))!;
        (node.op_state as { means: Record<string, unknown> }).means.price = "infinite";
      });
      const graph = join(folder, "exported/graph.json");
      writeFileSync(graph, readFileSync(graph, "utf8").replace('"infinite"', "-Infinity"));
      await refused(
        folder,
        "(normalize): `price` had an infinite value when the workflow was fitted (`means` is -Infinity)",
      );
    });
    await withCopy(async folder => {
      rmSync(join(folder, "exported/artifacts"), { recursive: true });
      await refused(folder, "unique.brand_city.parquet is missing in the saved workflow. Save it again.");
    });
  });
});
