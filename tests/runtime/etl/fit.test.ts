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

describe("transform", () => {
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
