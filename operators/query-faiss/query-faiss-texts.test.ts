// An index with an id map answers texts; a map, an index and a plan that do not belong together are refused by name.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fittedStep } from "#contract/any-step.js";
import type { AnyStep } from "#contract/plan.js";
import type { ColumnSchema } from "#contract/schema.js";
import { sumOfFile } from "#formats/folders/manifest.js";
import { printFittedTable } from "#operators/shared/kernel/fitted-table.js";
import type { Column } from "#runtime/base/columns/table.js";
import { column, context, grouped, lists, makeStep, prepareKernel, vectors } from "../../tests/operators/step.js";
import "../../tests/needs/built.js";
import { flat } from "../../tests/walls/support/faiss-file.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-faiss-texts-"));
afterAll(() => rmSync(folder, { recursive: true }));
/** Vectors 0, 1, 2, 3 of one dimension. */
const index = join(folder, "items.faiss");
writeFileSync(index, flat(1, Float32Array.of(0, 1, 2, 3)));
const TEXTS = ["zero", "ein", "né", "three"];
const map = (texts: readonly string[], sum = sumOfFile(index).sha256, name = "id") =>
  printFittedTable({ [name]: { dtype: "string", values: [...texts] } }, false, new Map([["merlon:index-sha256", sum]]));
writeFileSync(join(folder, "items.ids.arrow"), map(TEXTS));

interface Options {
  readonly ids?: string;
  readonly dtype?: ColumnSchema["dtype"];
  readonly file?: string;
  readonly exclude?: boolean;
  readonly width?: number;
  readonly isTrusted?: (file: string) => boolean;
}
const open = ({
  ids = "items.ids.arrow",
  dtype = "string",
  file = "items.faiss",
  exclude,
  width,
  isTrusted,
}: Options = {}) =>
  prepareKernel(
    fittedStep(
      makeStep("queryFaiss", {
        params: { path: "i", topk: 3, includeDistances: true },
        inputs: { input: ["query"], ...(exclude && { exclude: ["seen"] }) },
        outputs: [column("ids", dtype, { rows: "s1" }), column("distances", "float32", { rows: "s1" })],
        artefacts: { index: file, ...(ids && { ids }) },
      }) as AnyStep,
    ),
    {
      ...{ folder, models: undefined as never },
      ...(isTrusted && { isTrusted }),
      ...(width !== undefined && {
        schemaOf: () => column("query", "float32", { list: { min: width, max: width } }),
      }),
    },
  );
const search = async (queries: readonly number[][], options: Options = {}, seen?: Column) => {
  const kernel = await open(options);
  try {
    return await kernel.run({ input: [vectors("float32", queries, 1)], ...(seen && { exclude: [seen] }) }, context());
  } finally {
    await kernel.close?.();
  }
};
const fault = (options: Options) =>
  Promise.resolve(open(options)).then(
    () => "opened",
    ({ code, message }: { code: string; message: string }) => `${code}: ${message.replaceAll(folder, "FOLDER")}`,
  );

describe("texts", () => {
  test("that are excluded are searched past; unknown ones exclude nothing", async () => {
    const seen = lists("string", [
      ["zero", "gone"],
      ["né", "three"],
    ]);
    const [ids] = await search([[0], [2.9]], { exclude: true }, seen);
    expect(grouped(ids!)).toEqual([
      ["ein", "né", "three"],
      ["ein", "zero"],
    ]);
  });
});

describe("what does not belong together is refused", () => {
  test("a map of another index, unless both files are known to be as they were built", async () => {
    writeFileSync(join(folder, "other.ids.arrow"), map(TEXTS, "0".repeat(64)));
    const other = (isTrusted?: Options["isTrusted"]) =>
      fault({ ids: "other.ids.arrow", ...(isTrusted && { isTrusted }) });
    const refused =
      "INVALID_ARGUMENT: FOLDER/other.ids.arrow is not the id map of FOLDER/items.faiss, because it was built for other bytes of the index. Build both again: `merlon index build --text-id …`.";
    expect(await other()).toBe(refused);
    expect(await other(() => true)).toBe("opened");
    expect(await other(file => file.endsWith(".arrow"))).toMatch(/built for other bytes|cannot be loaded/);
    expect(await other(file => file.endsWith(".faiss"))).toBe(refused);
  });
  test.each<[string, Uint8Array, string]>([
    ["fewer texts", map(TEXTS.slice(1)), "it has 3 texts, and the index 4 vectors"],
    ["a column of another name", map(TEXTS, undefined, "text"), "it has no column `id` of texts"],
    [
      "no index",
      printFittedTable({ id: { dtype: "string", values: TEXTS } }, false),
      "it does not say which index it belongs to",
    ],
    [
      "a null",
      printFittedTable(
        { id: { dtype: "string", values: TEXTS, validity: Uint8Array.of(1, 1, 0, 1) } },
        true,
        new Map([["merlon:index-sha256", sumOfFile(index).sha256]]),
      ),
      "a text is null",
    ],
  ])("a map with %s", async (_, bytes, message) => {
    writeFileSync(join(folder, "bad.ids.arrow"), bytes);
    expect(await fault({ ids: "bad.ids.arrow" })).toContain(`because ${message}. Build both again`);
  });
});
