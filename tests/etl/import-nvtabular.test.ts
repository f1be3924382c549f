/** `merlon import nvtabular`: what it makes of a saved workflow answers as NVTabular did, offline and online. */
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test, vi } from "vitest";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { verifyWorkflow } from "#runtime/etl/verify.js";
import { merlon } from "./merlon-command.js";
import { inFolder } from "./run-workflow.js";
import { readParquet } from "./table-values.js";

vi.setConfig({ testTimeout: 60_000 });

const FIXTURE = fileURLToPath(new URL("../fixtures/nvtabular-import/", import.meta.url));

interface Expected {
  readonly columns: Readonly<Record<string, readonly (number | string | null)[]>>;
  readonly dtypes: Readonly<Record<string, string>>;
}
const expected = JSON.parse(readFileSync(join(FIXTURE, "expected.json"), "utf8")) as Expected;
const DUCKDB: Readonly<Record<string, string>> = {
  int64: "BIGINT",
  int32: "INTEGER",
  float64: "DOUBLE",
  float32: "FLOAT",
};

/** A copy of the exported folder, to be changed. */
const withCopy = (work: (folder: string) => Promise<void>) =>
  inFolder(async folder => {
    cpSync(join(FIXTURE, "exported"), join(folder, "exported"), { recursive: true });
    await work(folder);
  });

describe("a saved workflow of NVTabular 23.08", () => {
  test("answers as NVTabular: every column, value and dtype, through SQL and through the kernels", async () => {
    await inFolder(async folder => {
      const { status, out, err } = await merlon(
        folder,
        "import",
        "nvtabular",
        join(FIXTURE, "exported"),
        "--out",
        "etl/shop",
      );
      expect([status, err]).toEqual([0, ""]);
      expect(out).toBe("✔ Imported 30 nodes: etl/shop.workflow.ts, etl/shop\n");
      const rows = join(FIXTURE, "rows.parquet");
      await transformWorkflow(join(folder, "etl/shop"), rows, join(folder, "out.parquet"));
      const { cells, types } = await readParquet(join(folder, "out.parquet"));
      expect(Object.keys(cells).sort()).toEqual(Object.keys(expected.columns).sort());
      for (const [name, wanted] of Object.entries(expected.columns)) {
        expect(types[name], name).toBe(DUCKDB[expected.dtypes[name]!]);
        const isFloat = expected.dtypes[name]!.startsWith("float");
        for (const [i, value] of wanted.entries()) {
          const found = cells[name]![i];
          if (isFloat && typeof value === "number") expect(found, `${name}[${i}]`).toBeCloseTo(value, 5);
          else expect(found, `${name}[${i}]`).toBe(value);
        }
      }
      // The same rows the way a server answers them.
      const verified = await verifyWorkflow(join(folder, "etl/shop"), { against: rows });
      expect(verified).toEqual({ golden: undefined, compared: 60 });
      // The program stays with the author; it is not written over.
      const again = await merlon(folder, "import", "nvtabular", join(FIXTURE, "exported"), "--out", "etl/shop");
      expect(again).toMatchObject({
        status: 1,
        err: expect.stringContaining("etl/shop.workflow.ts is there already. Give `--force`"),
      });
    });
  });

  test("unseen values, nulls and every id layout are among the rows", () => {
    const { brand, brand_city, item_id } = expected.columns;
    expect(new Set(brand)).toEqual(new Set([1, 2, 3, 4, 5, 6]));
    expect(item_id).toContain(2);
    expect(Math.min(...(brand_city as number[]))).toBe(2);
  });
});

describe("what cannot be imported", () => {
  const refused = async (folder: string, message: string) => {
    const { status, err } = await merlon(folder, "import", "nvtabular", "exported", "--out", "etl");
    expect([status, err]).toEqual([1, expect.stringContaining(message)]);
  };
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
      await refused(folder, "exported has no graph.json. Give the folder that NVTabular's `Workflow.save` wrote");
      writeFileSync(join(folder, "exported/workflow.pkl"), "");
      await refused(
        folder,
        "holds a pickled workflow (workflow.pkl), which only NVTabular reads. Where NVTabular is installed, run `python tools/export_nvtabular.py",
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
      });
      await refused(
        folder,
        "(LambdaOp) holds a Python function, which is not imported. Write it as `lambdaOp` or `filter`, and fit.",
      );
    });
    await withCopy(async folder => {
      rmSync(join(folder, "exported/artifacts"), { recursive: true });
      await refused(folder, "unique.brand_city.parquet is missing in the saved workflow. Save it again.");
    });
  });
});
