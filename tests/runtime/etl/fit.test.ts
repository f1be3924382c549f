/** `fitWorkflow`, its folder and `transformWorkflow`: their output, their refusals, and the state after a kill. */
import { fork } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { stateOf } from "#contract/any-step.js";
import type { Plan } from "#contract/plan.js";
import { readWorkflow } from "#formats/folders/workflow.js";
import { readVocabulary } from "#operators/categorify/kernel-vocabulary.js";
import type { Progress } from "#runtime/etl/database.js";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { writeFittedWorkflow } from "#runtime/etl/fitted-folder.js";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { elapse } from "../../run/wait.js";
import { fitCells, inFolder, throughKernels } from "./run-workflow.js";
import { readParquet, withDuckDB, writeParquet } from "./table-values.js";
import { fittedPlan, schemaOf, workflowPlan } from "./workflow-plan.js";

const SHOP = { user_id: "int64", brand: "string", price: "float32" };
const shopPlan = () =>
  workflowPlan(SHOP, [
    { op: "categorify", columns: ["user_id", "brand"] },
    { op: "fillMissing", columns: ["price"] },
    { op: "logOp", columns: ["price"] },
    { op: "normalize", columns: ["price"] },
  ]);
const CELLS = { user_id: [5, 5, 7, 9, 7, 5], brand: ["x", null, "y", "y", "z", "y"], price: [1, 2, null, 4, 5.5, 0] };

const SUM = expect.stringMatching(/^sha256:[0-9a-f]{64}$/);

const fitFile = (plan: Plan, data: string, out: string) =>
  writeFittedWorkflow(out, async folder => fittedPlan(plan, (await fitWorkflow(plan, data, { folder })).states));

/** Every file under a folder with its bytes. */
const snapshot = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name))
      .sort()
      .map(path => [path.slice(folder.length), readFileSync(path, "base64")]),
  );

describe("the fitted folder", () => {
  test("holds the plan, the vocabularies and Merlin's schemas", async () => {
    await inFolder(async folder => {
      await fitCells(folder, shopPlan(), CELLS);
      const fitted = join(folder, "fitted");
      expect(Object.keys(snapshot(fitted)).sort()).toEqual([
        "/.merlin/schema.json",
        "/categories/unique.brand.arrow",
        "/categories/unique.user_id.arrow",
        "/golden.json",
        "/manifest.json",
        "/schema.pbtxt",
        "/workflow.json",
      ]);
      expect(stateOf(readWorkflow(fitted).steps[0]!)).toEqual({
        columns: {
          user_id: { vocabulary: "categories/unique.user_id.arrow", cardinality: 6, sum: SUM },
          brand: { vocabulary: "categories/unique.brand.arrow", cardinality: 6, sum: SUM },
        },
      });
      const { dtype, values, counts } = readVocabulary(join(fitted, "categories/unique.user_id.arrow"));
      expect([dtype, [...values], [...counts]]).toEqual(["int64", [5n, 7n, 9n], [3n, 2n, 1n]]);
    });
  });

  test("is the same byte for byte for the same data, however often and on however many threads", async () => {
    await inFolder(async folder => {
      const data = join(folder, "big.parquet");
      await withDuckDB(query =>
        query(
          `COPY (SELECT (hash(i) % 5000)::BIGINT AS user_id, 'b' || hash(i * 3) % 300 AS brand, ((hash(i * 7) % 99991) / 7.0)::FLOAT AS price
           FROM range(300000) r(i)) TO '${data}' (FORMAT parquet, ROW_GROUP_SIZE 20000)`,
        ),
      );
      const plan = shopPlan();
      const fits = [1, 2, 4].map(threads => ({ threads, out: join(folder, `fit${threads}`) }));
      for (const { threads, out } of fits)
        await writeFittedWorkflow(out, async staging =>
          fittedPlan(plan, (await fitWorkflow(plan, data, { folder: staging, threads })).states),
        );
      expect(snapshot(fits[1]!.out)).toEqual(snapshot(fits[0]!.out));
      expect(snapshot(fits[2]!.out)).toEqual(snapshot(fits[0]!.out));
    });
  });

  test("two vocabularies of one column name do not meet", async () => {
    await inFolder(async folder => {
      const plan = workflowPlan({ x: "string" }, [{ op: "categorify" }, { op: "categorify" }]);
      const fitted = await fitCells(folder, plan, { x: ["a", "b", "a"] });
      expect(await throughKernels(folder, fitted, { x: ["a", "b", "c"] })).toEqual({ x: [3, 4, 2] });
      expect(readdirSync(join(folder, "fitted/categories")).sort()).toEqual([
        "unique.x.arrow",
        "unique.x.categorify_1.arrow",
      ]);
    });
  });

  test("replaces a folder of its own and refuses any other", async () => {
    await inFolder(async folder => {
      await fitCells(folder, shopPlan(), CELLS);
      await fitCells(folder, shopPlan(), CELLS);
      const foreign = join(folder, "photos");
      mkdirSync(foreign);
      writeFileSync(join(foreign, "cat.jpg"), "");
      await expect(fitFile(shopPlan(), join(folder, "fit.parquet"), foreign)).rejects.toThrow(
        `\`${foreign}\` holds \`cat.jpg\` that \`merlon fit\` did not write. Give another \`--out\`, or empty it.`,
      );
      expect(readdirSync(folder).filter(name => name.startsWith(".merlon"))).toEqual([]);
    });
  });

  test("kill -9 leaves the old folder or the new one", async () => {
    await inFolder(async folder => {
      const child = fileURLToPath(new URL("fit-forever.mjs", import.meta.url));
      const out = join(folder, "fitted");
      const oldOrNew = new Set<string>();
      for (let round = 0; round < 8; round++) {
        const killed = fork(child, [folder, out], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
        await new Promise(resolve => killed.once("message", resolve));
        await elapse(15 * round);
        killed.kill("SIGKILL");
        await new Promise(resolve => killed.once("exit", resolve));
        const plan = readWorkflow(out);
        const { vocabulary, cardinality } = (
          stateOf(plan.steps[0]!) as { columns: Record<string, { vocabulary: string; cardinality: number }> }
        ).columns.x!;
        // Folders of different fits have vocabularies of different sizes: a mixture would show.
        expect(readVocabulary(join(out, vocabulary)).counts.length + 3).toBe(cardinality);
        oldOrNew.add(String(cardinality));
      }
      await fitCells(folder, workflowPlan({ x: "string" }, [{ op: "categorify" }]), { x: ["a"] });
      expect(
        readdirSync(folder).filter(name => name.startsWith(".merlon")),
        "leftovers of killed runs",
      ).toEqual([]);
      expect([...oldOrNew].every(cardinality => ["4", "5"].includes(cardinality))).toBe(true);
    });
  }, 60_000);
});

describe("bad input", () => {
  const refuse = async (write: (folder: string) => Promise<string>, plan: Plan, message: string | RegExp) =>
    inFolder(async folder => {
      const data = await write(folder);
      await expect(fitFile(plan, data, join(folder, "out"))).rejects.toThrow(message);
      expect(
        readdirSync(folder).filter(name => name.startsWith(".merlon") || name === "out"),
        "nothing half done",
      ).toEqual([]);
    });
  const parquet =
    (types: Record<string, string>, cells: Record<string, (string | number | boolean | null)[]>) =>
    async (folder: string) => {
      const file = join(folder, "data.parquet");
      await writeParquet(file, schemaOf(types), cells);
      return file;
    };
  const ids = workflowPlan({ brand: "string" }, [{ op: "categorify" }]);
  const price = workflowPlan({ price: "float32" }, [{ op: "normalize" }]);

  test("a column that is not there: file, column, what there is, and the near miss", async () => {
    await refuse(
      parquet({ brnad: "string", n: "int32" }, { brnad: ["a"], n: [1] }),
      ids,
      /data\.parquet` has no column `brand`; it has `brnad`, `n`\. Did you mean `brnad`\?/,
    );
  });
  test("names differ by case", async () => {
    await refuse(
      parquet({ Brand: "string" }, { Brand: ["a"] }),
      ids,
      /has no column `brand`; it has `Brand`\. Did you mean `Brand`\?/,
    );
  });
  test("a type of another kind", async () => {
    await refuse(parquet({ brand: "int64" }, { brand: [1] }), ids, /column `brand` is BIGINT, expected string brand/);
    await refuse(
      parquet({ price: "string" }, { price: ["1"] }),
      price,
      /column `price` is VARCHAR, expected float32 price\. Write it as a number\./,
    );
    const whole = workflowPlan({ n: "int64" }, [{ op: "categorify" }]);
    await refuse(
      parquet({ n: "float64" }, { n: [1] }),
      whole,
      /column `n` is DOUBLE, expected int64 n\. Declare it float64, or write it as an integer/,
    );
    await refuse(
      parquet({ n: "int32" }, { n: [1] }),
      workflowPlan({ n: "list<int32>" }, [{ op: "categorify" }]),
      /Declare it int32 without a list/,
    );
  });
  test("an integer that does not fit the declared type", async () => {
    await refuse(
      parquet({ n: "int64" }, { n: [1, 300] }),
      workflowPlan({ n: "int8" }, [{ op: "normalize" }]),
      /column `n` holds "300" in row 1, expected int8 n\./,
    );
  });
  test("no rows", async () => {
    await refuse(
      parquet({ brand: "string" }, { brand: [] }),
      ids,
      /data\.parquet`: no rows\. There is nothing to read\./,
    );
  });
  test("a column without a value", async () => {
    await refuse(
      parquet({ price: "float32" }, { price: [null] }),
      price,
      "step `normalize_0` (normalize): column `price` is null in every row of the data",
    );
  });
  test("infinities have no mean", async () => {
    const logs = workflowPlan({ price: "float32" }, [{ op: "logOp" }, { op: "normalize" }]);
    await refuse(
      parquet({ price: "float32" }, { price: [1, -1] }),
      logs,
      "step `normalize_1` (normalize): column `price` has 1 infinite values",
    );
  });
  test("a fixed list of another length", async () => {
    const vectors = workflowPlan({ v: "float32[3]" }, [{ op: "normalize" }]);
    const write = async (folder: string) => {
      const file = join(folder, "data.parquet");
      await writeParquet(file, schemaOf({ v: "list<float32>" }), {
        v: [
          [1, 2, 3],
          [1, 2],
        ],
      });
      return file;
    };
    await refuse(write, vectors, /column `v` holds "\[1\.0, 2\.0\]" in row 1, expected float32\[3\] v\./);
  });
  test("files that are none, or nothing at all", async () => {
    await refuse(
      async folder => join(folder, "*.parquet"),
      ids,
      /\*\.parquet` names no file\. Give a path or a quoted glob/,
    );
    await refuse(
      async folder => {
        writeFileSync(join(folder, "data.parquet"), "PAR1 but not really, and long enough to look PAR1");
        return join(folder, "data.parquet");
      },
      ids,
      /reading `.*data\.parquet` failed: /,
    );
    await refuse(
      async folder => {
        writeFileSync(join(folder, "data.xlsx"), "");
        return join(folder, "data.xlsx");
      },
      ids,
      /data\.xlsx` is none of \.parquet, \.csv, \.jsonl, \.arrow/,
    );
  });
  test("a bad row of a CSV is named by line", async () => {
    await refuse(
      async folder => {
        writeFileSync(join(folder, "data.csv"), "price,other\n1.5,a\nabc,b\n");
        return join(folder, "data.csv");
      },
      price,
      /line: 3; Original Line: abc,b; Error when converting column "price"\. Could not convert string "abc" to 'FLOAT'/,
    );
  });
});

describe("transform", () => {
  test("CSV and Parquet give the same; rows keep their order and columns are carried", async () => {
    await inFolder(async folder => {
      await fitCells(folder, shopPlan(), CELLS);
      const csv = join(folder, "more.csv");
      writeFileSync(csv, "when,user_id,brand,price\n10,7,y,1\n11,,q,\n12,5,x,2.5\n");
      const seen: Progress[] = [];
      const { rows } = await transformWorkflow(join(folder, "fitted"), csv, join(folder, "csv.parquet"), {
        keep: ["when"],
        onProgress: p => seen.push(p),
      });
      await writeParquet(join(folder, "more.parquet"), schemaOf({ ...SHOP, when: "int64" }), {
        user_id: [7, null, 5],
        brand: ["y", "q", "x"],
        price: [1, null, 2.5],
        when: [10, 11, 12],
      });
      await transformWorkflow(join(folder, "fitted"), join(folder, "more.parquet"), join(folder, "parquet.parquet"), {
        keep: ["when"],
      });
      const one = await readParquet(join(folder, "csv.parquet"));
      expect(rows).toBe(3);
      expect(one).toEqual(await readParquet(join(folder, "parquet.parquet")));
      expect(one.cells).toMatchObject({ user_id: [4, 1, 3], brand: [3, 2, 4], when: [10, 11, 12] });
      expect(one.types).toEqual({ user_id: "BIGINT", brand: "BIGINT", price: "DOUBLE", when: "BIGINT" });
      expect(seen.at(-1)!.doing).toBe("transform");
    });
  });

  test("a folder gets one file per input, and Merlin's schemas", async () => {
    await inFolder(async folder => {
      await fitCells(folder, shopPlan(), CELLS);
      mkdirSync(join(folder, "in"));
      for (const name of ["b", "a"])
        await writeParquet(join(folder, `in/${name}.parquet`), schemaOf(SHOP), {
          user_id: [name === "a" ? 5 : 9],
          brand: ["x"],
          price: [1],
        });
      const out = join(folder, "out");
      for (let again = 0; again < 2; again++) await transformWorkflow(join(folder, "fitted"), join(folder, "in"), out);
      expect(readdirSync(out).sort()).toEqual([
        ".merlin",
        "_merlon.json",
        "part-00000.parquet",
        "part-00001.parquet",
        "schema.pbtxt",
      ]);
      expect((await readParquet(join(out, "part-00000.parquet"))).cells.user_id).toEqual([3]);
      expect((await readParquet(join(out, "part-00001.parquet"))).cells.user_id).toEqual([5]);
    });
  });

  test("many rows keep their order", async () => {
    await inFolder(async folder => {
      const plan = workflowPlan({ x: "string" }, [{ op: "categorify" }]);
      const data = join(folder, "data.parquet");
      await withDuckDB(query =>
        query(
          `COPY (SELECT 'v' || hash(i) % 1000 AS x, i FROM range(400000) r(i)) TO '${data}' (FORMAT parquet, ROW_GROUP_SIZE 30000)`,
        ),
      );
      await fitFile(plan, data, join(folder, "fitted"));
      await transformWorkflow(join(folder, "fitted"), data, join(folder, "out.parquet"), { keep: ["i"] });
      const { rows } = await withDuckDB(query =>
        query(
          `SELECT count(*)::INTEGER FROM (SELECT i, row_number() OVER () - 1 AS place FROM '${folder}/out.parquet') WHERE i <> place`,
        ),
      );
      expect(rows).toEqual([[0]]);
    });
  });

  test("refuses before it writes: unknown and colliding columns, its own input, other folders, a broken workflow", async () => {
    await inFolder(async folder => {
      await fitCells(folder, shopPlan(), CELLS);
      const [fitted, data, out] = ["fitted", "fit.parquet", "out.parquet"].map(name => join(folder, name)) as [
        string,
        string,
        string,
      ];
      await expect(transformWorkflow(fitted, data, out, { keep: ["nope"] })).rejects.toThrow(
        /has no column `nope`; it has `user_id`, `brand`, `price`/,
      );
      await expect(transformWorkflow(fitted, data, out, { keep: ["price"] })).rejects.toThrow(
        "column `price` cannot be kept: the workflow makes a column of that name.",
      );
      const keep = [{ column: "price", as: 'price "raw"' }];
      await transformWorkflow(fitted, data, join(folder, "kept.parquet"), { keep });
      expect((await readParquet(join(folder, "kept.parquet"))).cells['price "raw"']).toEqual(CELLS.price);
      await expect(transformWorkflow(fitted, data, data)).rejects.toThrow(/is read and `.*` would replace it/);
      await expect(transformWorkflow(join(folder, "none"), data, out)).rejects.toThrow(
        /none: there is no such folder\. Fit the workflow first/,
      );
      rmSync(join(fitted, "manifest.json"));
      truncateSync(join(fitted, "categories/unique.brand.arrow"), 40);
      await expect(transformWorkflow(fitted, data, out)).rejects.toThrow(
        /vocabulary `.*unique\.brand\.arrow` cannot be read: .*Run `merlon fit` again\./,
      );
      writeFileSync(
        join(fitted, "workflow.json"),
        readFileSync(join(fitted, "workflow.json"), "utf8").replace('"mean"', '"maen"'),
      );
      await expect(transformWorkflow(fitted, data, out)).rejects.toThrow(
        /workflow\.json: steps\[3\] \(normalize "normalize_3"\)\.state/,
      );
      expect(existsSync(out)).toBe(false);
      expect(readdirSync(folder).filter(name => name.startsWith(".merlon"))).toEqual([]);
    });
  });
});
