/** `merlon fit` and `merlon transform` as a person runs them, on a workflow the compiler reads; schemas beside NVTabular's own. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findColumn } from "#contract/schema.js";
import { parseMerlinJson } from "#formats/merlin-schema/merlin-schema.js";
import { inFolder } from "../runtime/etl/run-workflow.js";
import { readParquet, writeParquet } from "../runtime/etl/table-values.js";
import { schemaOf } from "../runtime/etl/workflow-plan.js";
import { merlon } from "./merlon-command.js";

const WORKFLOW = `import { categorify, fillMissing, logOp, normalize, source, workflow } from "merlon";

const events = source({ brand: "string", price: "float32" });
const ids = ["brand"] >> categorify({ freqThreshold: 2 });
const price = ["price"] >> fillMissing(0) >> logOp() >> normalize();

export default workflow("shop", ids + price);
`;

const inShop = (work: (folder: string) => Promise<void>) =>
  inFolder(async folder => {
    writeFileSync(join(folder, "shop.workflow.ts"), WORKFLOW);
    const brand = ["b", "a", "c", "b", "a", "b", "d", null];
    await writeParquet(join(folder, "events.parquet"), schemaOf({ brand: "string", price: "float32", n: "int32" }), {
      brand,
      price: brand.map((_, i) => i),
      n: brand.map((_, i) => i),
    });
    await work(folder);
  });

describe("merlon", () => {
  test("fits and transforms, and says how fast", async () => {
    await inShop(async folder => {
      const fit = await merlon(folder, "fit", "shop.workflow.ts", "--data", "*.parquet", "--out", "etl/shop");
      expect(fit).toMatchObject({ status: 0, err: "" });
      expect(fit.out).toMatch(/^✔ Fitted shop to etl\/shop: 8 rows in \d+\.\d\d s \([\d,]+ rows\/s\)\n$/);
      const transform = await merlon(
        folder,
        "transform",
        "etl/shop",
        "--data",
        "events.parquet",
        "--out",
        "train.parquet",
        "--keep",
        "n",
      );
      expect(transform).toMatchObject({ status: 0, err: "" });
      expect(transform.out).toMatch(/^✔ Transformed to train\.parquet: 8 rows/);
      const { cells } = await readParquet(join(folder, "train.parquet"));
      expect(Object.keys(cells)).toEqual(["brand", "price", "n"]);
      expect(cells.brand).toEqual([3, 4, 2, 3, 4, 3, 2, 1]);
    });
  });

  test("gives columns the properties NVTabular gives them", async () => {
    // The fixture's case has the same operator and threshold; its vocabulary has 4 more values, with duplicates.
    const cases = JSON.parse(readFileSync(new URL("../fixtures/nvtabular/cases.json", import.meta.url), "utf8")) as {
      name: string;
      schema: unknown[];
    }[];
    const theirs = parseMerlinJson(
      JSON.stringify({ feature: cases.find(one => one.name === "categorify/freqThreshold 2")!.schema }),
      "NVTabular",
    )[0]!;
    await inShop(async folder => {
      await merlon(folder, "fit", "shop.workflow.ts", "--data", "events.parquet", "--out", "etl");
      const schema = parseMerlinJson(readFileSync(join(folder, "etl/.merlin/schema.json"), "utf8"), "ours");
      const brand = findColumn(schema, "brand")!;
      // NVTabular's, and the checksum by which a model names its fit.
      const names = [...Object.keys(theirs.properties), "vocabulary_sum"];
      expect(Object.keys(brand.properties).sort()).toEqual(names.sort());
      expect(brand.dtype).toBe(theirs.dtype);
      expect(brand.tags).toEqual(theirs.tags);
      expect(brand.properties).toMatchObject({
        domain: { min: 0, max: 4, name: "brand" },
        embedding_sizes: { cardinality: 5, dimension: 16 },
        freq_threshold: 2,
      });
      expect(findColumn(schema, "price")).toMatchObject({ dtype: "float64", tags: ["continuous"] });
    });
  });

  test("ends with status 1 and one sentence when it cannot", async () => {
    await inShop(async folder => {
      writeFileSync(join(folder, "shop.workflow.ts"), WORKFLOW.replaceAll("brand", "brandd"));
      const missing = await merlon(folder, "fit", "shop.workflow.ts", "--data", "events.parquet", "--out", "etl");
      expect(missing).toEqual({
        status: 1,
        out: "",
        err: "merlon: `events.parquet` has no column `brandd`; it has `brand`, `price`, `n`. Did you mean `brand`?\n",
      });
      const nothing = await merlon(folder, "fit", "shop.workflow.ts", "--data", "none/*.parquet", "--out", "etl");
      expect(nothing).toMatchObject({ status: 1, err: expect.stringContaining("`none/*.parquet` names no file.") });
      expect(existsSync(join(folder, "etl"))).toBe(false);
    });
  });

  test.each(["32", "0"])("refuses a fit that drops every column, with %s golden rows", async rows => {
    await inShop(async folder => {
      const program = `import { categorify, dropLowCardinality, source, workflow } from "merlon";
const events = source({ brand: "string" });
export default workflow("none", events["brand"] >> categorify() >> dropLowCardinality(1000));
`;
      writeFileSync(join(folder, "none.workflow.ts"), program);
      const fit = ["fit", "none.workflow.ts", "--data", "events.parquet", "--out", "none", "--golden-rows", rows];
      expect(await merlon(folder, ...fit)).toMatchObject({
        status: 1,
        err: expect.stringMatching(/^merlon: the fitted workflow has no columns: `dropLowCardinality` drops all/),
      });
      expect(existsSync(join(folder, "none"))).toBe(false);
    });
  });

  test.each(["fit", "transform", "predict", "index build"])("%s teaches with an example", async command => {
    const { status, out } = await merlon(".", ...command.split(" "), "--help");
    expect(status).toBe(0);
    expect(out).toContain(`$ merlon ${command} `);
  });
});

describe("a fit with one thread", () => {
  const names = ["a", "b", "c", "d"];
  const program = `import { categorify, source, workflow } from "merlon";
const events = source({ ${names.map(name => `${name}: "string"`).join(", ")} });
export default workflow("given", ${JSON.stringify(names)} >> categorify({ vocabs: { ${names.map(name => `${name}: ["x", "y"]`).join(", ")} } }));
`;
  const inGiven = (work: (folder: string) => Promise<void>) =>
    inFolder(async folder => {
      writeFileSync(join(folder, "given.workflow.ts"), program);
      const values = Object.fromEntries(names.map(name => [name, ["x", "y", null]]));
      const schema = schemaOf(Object.fromEntries(names.map(name => [name, "string"])) as Record<string, "string">);
      await writeParquet(join(folder, "events.parquet"), schema, values);
      await work(folder);
    });
  const FIT = ["fit", "given.workflow.ts", "--data", "*.parquet", "--out", "etl/given", "--threads", "1"] as const;

  test("reads more vocabularies than there are threads", () =>
    inGiven(async folder => {
      const { status, out, err } = await merlon(folder, ...FIT);
      expect({ status, err }).toEqual({ status: 0, err: "" });
      expect(out).toMatch(/^✔ Fitted given to etl\/given: 3 rows/);
      expect(existsSync(join(folder, "etl/given/workflow.json"))).toBe(true);
    }));

  test("that waits forever reports it, and does not end with 0", () =>
    inGiven(async folder => {
      const stuck = `import fs from "node:fs/promises"; import { syncBuiltinESMExports } from "node:module";
        const write = fs.writeFile; fs.writeFile = (file, ...rest) => String(file).includes("unique.a") ? new Promise(() => {}) : write(file, ...rest);
        syncBuiltinESMExports();`;
      process.env.NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(stuck)}`;
      const { status, err } = await merlon(folder, ...FIT).finally(() => delete process.env.NODE_OPTIONS);
      expect(status).toBe(1);
      expect(err).toContain("merlon: the process ended before the command was done");
      expect(existsSync(join(folder, "etl/given"))).toBe(false);
    }));
});
