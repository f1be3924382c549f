import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rootRows } from "#runtime/base/columns/table.js";
import { importHugectrTable } from "#runtime/etl/embedding-table.js";
import { column, context, plain, prepare, run, scalars } from "../../tests/operators/step.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-query-embedding-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Ids around the boundaries of words; the vector of each is [place, -place] in this list, from 1 on. */
const KEYS = [-(2n ** 31n), -7n, 0n, 5n, 2n ** 31n, 2n ** 32n - 7n, 2n ** 53n + 1n];
const vectorOf = (key: bigint) => [KEYS.indexOf(key) + 1, -KEYS.indexOf(key) - 1];
const TABLE = "items.embedding";

beforeAll(() => {
  const model = join(folder, "items.model");
  mkdirSync(model);
  writeFileSync(join(model, "key"), new Uint8Array(BigInt64Array.from(KEYS).buffer));
  writeFileSync(join(model, "emb_vector"), new Uint8Array(Float32Array.from(KEYS.flatMap(vectorOf)).buffer));
  importHugectrTable(model, join(folder, TABLE));
});

const step = (params: { onMissing?: "zero" | "error"; memoryMb?: number; dimension?: number } = {}, table = TABLE) => ({
  params: { path: "tables/items.embedding", dimension: 2, ...params },
  inputs: { input: ["item_id"] },
  outputs: [column("embedding", "float32", { list: { min: 2, max: 2 } })],
  artefacts: { table },
});

describe.each([
  ["in memory", 256],
  ["from its file", 0],
])("a table %s", (_, memoryMb) => {
  test("zeros for an id without a vector and for null, on the rows of the ids", async () => {
    const rows = rootRows(4);
    const ids = scalars("int64", [5, 6, null, 2n ** 53n + 1n], rows);
    const [made] = await run("queryEmbedding", step({ memoryMb }), { input: [ids] }, context(), folder);
    expect(plain(made!)).toEqual([vectorOf(5n), [0, 0], [0, 0], vectorOf(2n ** 53n + 1n)]);
    expect([made!.dtype, made!.width, made!.rows === rows]).toEqual(["float32", 2, true]);
  });

  test.each([
    ["int8", -128n, 127n],
    ["uint8", 0n, 255n],
    ["int16", -32768n, 32767n],
    ["int32", -(2n ** 31n), 2n ** 31n - 1n],
    ["uint32", 0n, 2n ** 32n - 1n],
    ["int64", -(2n ** 63n), 2n ** 63n - 1n],
  ] as const)("ids of %s", async (dtype, least, most) => {
    const asked = [...KEYS, 6n, -6n].filter(key => key >= least && key <= most);
    const ids = scalars(dtype, dtype === "int64" ? asked : asked.map(Number));
    const [made] = await run("queryEmbedding", step({ memoryMb }), { input: [ids] }, context(), folder);
    expect(plain(made!)).toEqual(asked.map(key => (KEYS.includes(key) ? vectorOf(key) : [0, 0])));
  });
});

test.each([
  [6, 1, "has no vector for 6 (row 1)"],
  [null, 0, "has no vector for null (row 0)"],
])('with onMissing "error", %j is one', async (id, row, message) => {
  const ids = scalars("int64", row === 0 ? [id, 5] : [5, id]);
  const running = run("queryEmbedding", step({ onMissing: "error" }), { input: [ids] }, context(), folder);
  await expect(running).rejects.toMatchObject({
    code: "NOT_FOUND",
    message: `column \`item_id\`: \`tables/items.embedding\` ${message}. Use \`onMissing: "zero"\`, or build the table with it.`,
  });
});

test.each(["table.json", "keys.i64", "vectors.f32"])("a table whose %s is a link that leads out", async name => {
  const copy = join(folder, `linked ${name}`);
  cpSync(join(folder, TABLE), join(copy, TABLE), { recursive: true });
  await (await prepare("queryEmbedding", step(), copy)).close?.();
  rmSync(join(copy, TABLE, name));
  symlinkSync(join(folder, TABLE, name), join(copy, TABLE, name));
  await expect(prepare("queryEmbedding", step(), copy)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining("names a file that is not read") as string,
  });
});
