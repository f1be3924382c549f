/** `merlon fit` and `merlon transform` as a person runs them, on a workflow the compiler reads; schemas beside NVTabular's own. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { inFolder } from "../runtime/etl/run-workflow.js";
import { writeParquet } from "../runtime/etl/table-values.js";
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
