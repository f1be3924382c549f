// A condition decides on candidates: as a plain filter of all items does, in batches and one by one, while the table changes.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Expression } from "#contract/expression.js";
import { wrapIdMap } from "#formats/faiss/faiss.js";
import { printFittedTable } from "#operators/shared/kernel/fitted-table.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { MOST_VALUES } from "#runtime/engine/predicate/predicate.js";
import { column, context, grouped, lists, prepare, scalars, vectors } from "../../tests/operators/step.js";

const ITEMS = 200;
const D = 4;
const COUNTRIES = ["de", "fr", "pl"];
interface Item {
  readonly id: bigint;
  readonly vector: number[];
  stock: number | null;
  readonly price: number;
  readonly country: string | null;
}
const random = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const draw = random(7);
const items: Item[] = Array.from({ length: ITEMS }, (_, i) => ({
  id: BigInt(1000 + 7 * i),
  vector: Array.from({ length: D }, () => draw() - 0.5),
  stock: draw() < 0.1 ? null : Math.floor(draw() * 3),
  price: draw() * 100,
  country: draw() < 0.1 ? null : COUNTRIES[Math.floor(draw() * 3)]!,
}));
const queries = Array.from({ length: 12 }, () => Array.from({ length: D }, () => draw() - 0.5));

const column_ = (name: string): Expression => ({ column: name });
const call = (name: string, ...args: Expression[]) => ({ call: name, args }) as Expression;
const inStock = call("greater", column_("item.stock"), { number: 0 });
const sameCountry = call("equal", column_("item.country"), column_("user.country"));
const cheap = call("less", column_("item.price"), column_("user.limit"));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-where-"));
  writeFileSync(join(folder, "items.faiss"), flatIndex());
  writeTable(items);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** FAISS's `IDMap,Flat` with inner products. */
function flatIndex(): Uint8Array {
  const head = Buffer.alloc(37 + 8);
  head.write("IxFI");
  head.writeInt32LE(D, 4);
  head.writeBigInt64LE(BigInt(ITEMS), 8);
  head.writeBigInt64LE(1n << 20n, 16);
  head.writeBigInt64LE(1n << 20n, 24);
  head.writeUInt8(1, 32);
  head.writeInt32LE(0, 33);
  head.writeBigUInt64LE(BigInt(ITEMS * D), 37);
  const values = Float32Array.from(items.flatMap(({ vector }) => vector));
  return wrapIdMap(
    Buffer.concat([head, Buffer.from(values.buffer)]),
    BigInt64Array.from(items, ({ id }) => id),
  );
}

/** Rows in another order than the index's, replaced in one step. */
function writeTable(rows: readonly Item[], at = join(folder, "merlon-live", "items.arrow")): void {
  const shuffled = rows.toReversed();
  const col = (
    dtype: "int64" | "int32" | "float64" | "string",
    values: readonly (bigint | number | string | null)[],
  ) => {
    const { values: all, validity } = scalars(dtype, values);
    return { dtype, values: all, ...(validity && { validity }) };
  };
  mkdirSync(dirname(at), { recursive: true });
  const bytes = printFittedTable({
    item_id: col(
      "int64",
      shuffled.map(({ id }) => id),
    ),
    stock: col(
      "int32",
      shuffled.map(({ stock }) => stock),
    ),
    price: col(
      "float64",
      shuffled.map(({ price }) => price),
    ),
    country: col(
      "string",
      shuffled.map(({ country }) => country),
    ),
  });
  writeFileSync(`${at}.new`, bytes);
  renameSync(`${at}.new`, at);
}

const ATTRIBUTES = { attributes: "merlon-live/items.arrow" };
const open = (
  conditions: readonly Expression[],
  { topk = 5, user = ["country", "limit"], exclude = false } = {},
  table: { readonly attributes?: string } = ATTRIBUTES,
) =>
  prepare(
    "queryFaiss",
    {
      params: {
        path: "items.faiss",
        topk,
        where: {
          text: "…",
          conditions: [...conditions],
          table: "items.arrow",
          key: { name: "item_id", dtype: "int64" },
          columns: { stock: "int32", price: "float64", country: "string" },
        },
      },
      inputs: { input: ["query"], ...(user.length > 0 && { user }), ...(exclude && { exclude: ["seen"] }) },
      outputs: [column("candidate_ids", "int64", { rows: "s1" })],
      artefacts: { index: "items.faiss", ...table },
    },
    folder,
  );

interface User {
  readonly country: string | null;
  readonly limit: number;
}
const users: User[] = queries.map((_, i) => ({ country: i % 4 === 3 ? null : COUNTRIES[i % 3]!, limit: (i % 5) * 25 }));

const inputsOf = (some: readonly number[], seen?: readonly (readonly bigint[])[]) => {
  const rows = rootRows(some.length);
  return {
    input: [
      vectors(
        "float32",
        some.map(i => queries[i]!),
        D,
        rows,
      ),
    ],
    user: [
      scalars(
        "string",
        some.map(i => users[i]!.country),
        rows,
      ),
      scalars(
        "float64",
        some.map(i => users[i]!.limit),
        rows,
      ),
    ],
    ...(seen && { exclude: [lists("int64", seen, rows)] }),
  };
};

const all = queries.map((_, i) => i);
/** All items in order of their products, and of these the first that pass. */
const expected = (passes: (item: Item, user: User) => boolean, some: readonly number[], topk = 5): bigint[][] =>
  some.map(i => {
    const score = ({ vector }: Item) =>
      vector.reduce((sum, x, j) => sum + Math.fround(x) * Math.fround(queries[i]![j]!), 0);
    return items
      .filter(item => passes(item, users[i]!))
      .sort((a, b) => score(b) - score(a))
      .slice(0, topk)
      .map(({ id }) => id);
  });
const passesAll = ({ stock, country, price }: Item, user: User) =>
  stock !== null && stock > 0 && country === user.country && price < user.limit;

describe("candidates that a condition allows", () => {
  test("in a batch and one by one, of items, of users and of both", async () => {
    const kernel = await open([inStock, sameCountry, cheap]);
    const [found] = await kernel.run(inputsOf(all), context());
    expect(grouped(found!)).toEqual(expected(passesAll, all));
    for (const i of all) {
      const [alone] = await kernel.run(inputsOf([i]), context());
      expect(grouped(alone!)).toEqual(expected(passesAll, [i]));
    }
    await kernel.close?.();
  });
});

describe("the table while it is served", () => {
  test("a new one is seen within a second, and one that cannot be read leaves the old", async () => {
    const warnings = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const kernel = await open([inStock]);
    const ids = async () => grouped((await kernel.run(inputsOf([0]), context()))[0]!)[0];
    const [first] = expected(({ stock }) => (stock ?? 0) > 0, [0]);
    expect(await ids()).toEqual(first);
    writeTable(items.map(item => (item.id === first![0] ? { ...item, stock: 0 } : item)));
    await vi.waitFor(async () => expect(await ids()).not.toContain(first![0]), { timeout: 1000, interval: 20 });
    writeFileSync(join(folder, "merlon-live", "items.arrow"), "half of a table");
    await vi.waitFor(() => expect(warnings).toHaveBeenCalled(), { timeout: 1000 });
    expect(warnings.mock.calls[0]![0]).toMatch(
      /items\.arrow cannot be read: it is not an Arrow file.* What was read before is served on\.$/,
    );
    expect(await ids()).not.toContain(first![0]);
    writeTable(items);
    await vi.waitFor(async () => expect(await ids()).toEqual(first), { timeout: 1000, interval: 20 });
    warnings.mockRestore();
    await kernel.close?.();
  });

  test.each([
    [
      "two rows of an id",
      () => [...items, items[3]!],
      /`item_id` 1021 has two rows, \d+ and \d+; each item has one\.$/,
    ],
    [
      "ids of another index",
      () => items.map((item, i) => ({ ...item, id: BigInt(i) })),
      /column `item_id` has none of the ids of .*items\.faiss, such as 1000\.$/,
    ],
  ] as const)("%s", async (_, rows, message) => {
    writeTable(rows());
    await expect(open([inStock])).rejects.toThrow(message);
  });
});

test("a plan with a condition and no table is refused, never searched without the condition", async () => {
  await expect(open([inStock], {}, {})).rejects.toThrow(
    /items\.faiss is searched with a condition, and the plan names no attribute table\. Build the ensemble again\.$/,
  );
});

test("a request with too many distinct values is refused, not computed", async () => {
  const kernel = await open([call("numbersInclude", column_("user.liked"), column_("item.price"))], {
    user: ["liked"],
  });
  const length = 1000;
  // Each row takes 200 items times five for each value of its list; the bound is met after some of them.
  const most = Math.floor(MOST_VALUES / (ITEMS * (1 + 5 * length + 1 / 8)));
  const ask = (rows: number, from: number) => {
    const root = rootRows(rows);
    const liked = Array.from({ length: rows }, (_, row) => Array.from({ length }, (_, i) => from + row + i / length));
    return kernel.run(
      {
        input: [vectors("float64" as "float32", [], D, root)].map(col => ({
          ...col,
          dtype: "float32" as const,
          values: new Float32Array(rows * D).fill(1),
        })),
        user: [lists("float64", liked, root)],
      },
      context(),
    );
  };
  await expect((async () => ask(most + 1, 0))()).rejects.toThrow(
    `step \`s1\` (queryFaiss): the request has more distinct values of \`liked\` than one may have: after ${most} sets of items its 33554432 comparisons are used up. Send fewer rows in a request, or round the values.`,
  );
  // The next request has a bound of its own.
  expect(grouped((await ask(2, 1e6))[0]!)).toEqual([[], []]);
  await kernel.close?.();
});
