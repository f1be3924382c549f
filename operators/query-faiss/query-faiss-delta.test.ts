// Changes beside an index: a search has them all, none twice and none that was deleted, as a model of the items says.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Expression } from "#contract/expression.js";
import type { DeltaIds } from "#formats/delta/delta-rows.js";
import { wrapIdMap } from "#formats/faiss/faiss.js";
import { printFlat } from "#formats/faiss/print-flat.js";
import { sumOfFile } from "#formats/folders/manifest.js";
import { printFittedTable } from "#operators/shared/kernel/fitted-table.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { printTextIds } from "#runtime/etl/print-text-ids.js";
import { type Change, type DeltaWriter, openDeltaWriter } from "#runtime/stores/vectors/delta/write-delta.js";
import "../../tests/needs/built.js";
import { column, context, grouped, lists, prepare, scalars, vectors } from "../../tests/operators/step.js";
import { elapse } from "../../tests/run/wait.js";

const [ITEMS, D, K] = [300, 4, 7];
const random = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const draw = random(11);
const vector = (): number[] => Array.from({ length: D }, () => Math.fround(draw() - 0.5));
interface Item {
  readonly vector: number[];
  readonly stock: number | null;
}
type Model = Map<bigint, Item>;

let folder: string;
let model: Model;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-delta-"));
  model = new Map(Array.from({ length: ITEMS }, (_, i) => [BigInt(3 * i - 50), { vector: vector(), stock: i % 3 }]));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (): string => join(folder, "items.faiss");
/** An index of the items of the model; `positions` are ids without a map. */
function writeIndex(ids: "int64" | "string" | "positions" = "int64", metric: "ip" | "l2" = "ip"): void {
  const flat = Float32Array.from([...model.values()].flatMap(item => item.vector));
  const bytes = printFlat(flat, D, metric);
  writeFileSync(file(), ids === "int64" ? wrapIdMap(bytes, BigInt64Array.from(model.keys())) : bytes);
  if (ids === "string") writeFileSync(`${file()}.ids.arrow`, printTextIds([...model.keys()].map(textOf), file()));
}
const textOf = (id: bigint): string => `sku ${id}`;

const writer = (ids: "int64" | "string" = "int64", metric: "ip" | "l2" = "ip"): Promise<DeltaWriter> =>
  openDeltaWriter(`${file()}.delta`, {
    waitMs: 1000,
    header: () => ({ ids, dimension: D, metric, unit: false, base: { file: "", ...sumOfFile(file()) } }),
  });

/** Changes as the delta has them, and in the model. */
function change(to: DeltaWriter, upserts: Model, deletes: readonly bigint[], isText = false): void {
  const keys = (ids: readonly bigint[]): DeltaIds => (isText ? ids.map(textOf) : BigInt64Array.from(ids));
  const items = [...upserts.values()];
  const stock = scalars(
    "int64",
    items.map(item => item.stock),
  );
  const attributes = printFittedTable({
    stock: { dtype: "int64", values: stock.values, ...(stock.validity && { validity: stock.validity }) },
  });
  const rows = {
    ids: keys([...upserts.keys()]),
    vectors: Float32Array.from(items.flatMap(item => item.vector)),
    attributes,
  };
  const made: Change = { deletes: keys(deletes), ...(items.length > 0 && { upserts: [rows] }) };
  to.append(made);
  for (const id of deletes) model.delete(id);
  for (const [id, item] of upserts) {
    model.delete(id);
    model.set(id, item);
  }
}

const score = (metric: "ip" | "l2", a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + (metric === "ip" ? -x * b[i]! : (x - b[i]!) ** 2), 0);
const nearest = (
  query: readonly number[],
  metric: "ip" | "l2" = "ip",
  passes: (item: Item, id: bigint) => boolean = () => true,
  k = K,
): bigint[] =>
  [...model]
    .filter(([id, item]) => passes(item, id))
    .sort(([, a], [, b]) => score(metric, query, a.vector) - score(metric, query, b.vector))
    .slice(0, k)
    .map(([id]) => id);

interface Options {
  readonly ids?: "int64" | "string";
  readonly exclude?: boolean;
  readonly where?: boolean;
}
const open = ({ ids = "int64", exclude = false, where = false }: Options = {}) =>
  prepare(
    "queryFaiss",
    {
      params: {
        path: "items.faiss",
        topk: K,
        ...(where && {
          where: {
            text: "…",
            conditions: [{ call: "greater", args: [{ column: "item.stock" }, { number: 0 }] } as Expression],
            table: "items.arrow",
            key: { name: "item_id", dtype: "int64" as const },
            columns: { stock: "int32" as const },
          },
        }),
      },
      inputs: { input: ["query"], ...(exclude && { exclude: ["seen"] }) },
      outputs: [column("candidate_ids", ids, { rows: "s1" })],
      artefacts: {
        index: "items.faiss",
        ...(ids === "string" && { ids: "items.faiss.ids.arrow" }),
        ...(where && { attributes: "merlon-live/items.arrow" }),
      },
    },
    folder,
  );
type Kernel = Awaited<ReturnType<typeof open>>;

async function ask(
  kernel: Kernel,
  queries: readonly (readonly number[])[],
  seen?: readonly (readonly (bigint | string)[])[],
) {
  const rows = rootRows(queries.length);
  const dtype = typeof seen?.flat()[0] === "string" ? "string" : "int64";
  const inputs = {
    input: [vectors("float32", queries, D, rows)],
    ...(seen && { exclude: [lists(dtype, seen, rows)] }),
  };
  return grouped((await kernel.run(inputs, context()))[0]!) as (bigint | string)[][];
}

function writeTable(): void {
  mkdirSync(join(folder, "merlon-live"), { recursive: true });
  const stock = scalars(
    "int32",
    [...model.values()].map(item => item.stock),
  );
  writeFileSync(
    join(folder, "merlon-live", "items.arrow"),
    printFittedTable({
      item_id: { dtype: "int64", values: BigInt64Array.from(model.keys()) },
      stock: { dtype: "int32", values: stock.values },
    }),
  );
}

describe("changes that were made before it was opened", () => {
  test.each(["ip", "l2"] as const)("%s: upserts, replacements and deletions", async metric => {
    writeIndex("int64", metric);
    const changes = await writer("int64", metric);
    change(
      changes,
      new Map([
        [5000n, { vector: vector(), stock: 1 }],
        [10n, { vector: vector(), stock: 1 }],
      ]),
      [-50n, 13n, 777_777n],
    );
    change(changes, new Map([[13n, { vector: vector(), stock: 1 }]]), [5000n]);
    changes.close();
    const kernel = await open();
    const queries = Array.from({ length: 30 }, vector);
    expect(await ask(kernel, queries)).toEqual(queries.map(query => nearest(query, metric)));
    await kernel.close?.();
  });

  test("text ids, in `exclude` too", async () => {
    writeIndex("string");
    const changes = await writer("string");
    change(
      changes,
      new Map([
        [5000n, { vector: vector(), stock: 1 }],
        [10n, { vector: vector(), stock: 1 }],
      ]),
      [-50n],
      true,
    );
    changes.close();
    const kernel = await open({ ids: "string", exclude: true });
    const queries = Array.from({ length: 30 }, vector);
    const best = queries.map(query => nearest(query, "ip", undefined, 3));
    const rest = queries.map((query, i) => nearest(query, "ip", (_, id) => !best[i]!.includes(id)).map(textOf));
    expect(
      await ask(
        kernel,
        queries,
        best.map(ids => [...ids.map(textOf), "none"]),
      ),
    ).toEqual(rest);
    await kernel.close?.();
  });

  test("a condition on attributes of upserted items", async () => {
    writeIndex();
    writeTable();
    const changes = await writer();
    const best = nearest([1, 1, 1, 1], "ip", undefined, 4);
    const replaced = best.map((id, i): [bigint, Item] => [id, { ...model.get(id)!, stock: [0, 1, null, 2][i]! }]);
    change(
      changes,
      new Map([
        ...replaced,
        [9000n, { vector: [0.9, 0.9, 0.9, 0.9].map(Math.fround), stock: 3 }],
        [9001n, { vector: [0.9, 0.9, 0.9, 0.8].map(Math.fround), stock: 0 }],
      ]),
      [nearest([0, 0, 1, 1])[0]!],
    );
    changes.close();
    const kernel = await open({ where: true });
    const queries = [[1, 1, 1, 1], ...Array.from({ length: 30 }, vector)];
    const inStock = ({ stock }: Item) => (stock ?? 0) > 0;
    expect(await ask(kernel, queries)).toEqual(queries.map(query => nearest(query, "ip", inStock)));
    expect((await ask(kernel, queries))[0]![0]).toBe(9000n);
    await kernel.close?.();
  });
});

describe("while it is served", () => {
  const CHANGES = Number(process.env.DELTA_CHANGES ?? 1000);
  test(`${CHANGES} upserts and deletions under searches, none of which has a wrong answer`, {
    timeout: 600_000,
  }, async () => {
    writeIndex();
    const kernel = await open();
    const changes = await writer();
    let wrong = 0;
    let searches = 0;
    const query = [0.5, -0.25, 0.75, 0.125];
    const answers = new Map<string, number>();
    const note = (at: number) => void answers.set(String(nearest(query)), at);
    note(0);
    let newest = 0;
    let isDone = false;
    const searching = (async () => {
      let least = 0;
      while (!isDone || searches < 50) {
        const [found] = await ask(kernel, [query]);
        searches++;
        const at = answers.get(String(found));
        // The answer of one commit, and never of an earlier one than before.
        if (at === undefined || at < least) wrong++;
        else least = at;
        await new Promise(resolve => void setImmediate(resolve));
      }
    })();
    let made = 0;
    while (made < CHANGES) {
      const upserts: Model = new Map();
      const deletes: bigint[] = [];
      for (let i = 0; i < 10; i++, made++) {
        const all = [...model.keys()];
        const one = draw() < 0.5 || all.length === 0 ? BigInt(10_000 + made) : all[Math.floor(draw() * all.length)]!;
        if (draw() < 0.4) deletes.push(one);
        else upserts.set(one, { vector: vector(), stock: 1 });
      }
      for (const id of upserts.keys()) if (deletes.includes(id)) upserts.delete(id);
      // The model first: a search may be faster than this line.
      const before = new Map(model);
      for (const id of deletes) model.delete(id);
      for (const [id, item] of upserts) {
        model.delete(id);
        model.set(id, item);
      }
      note(++newest);
      model = before;
      change(changes, upserts, deletes);
      await elapse(5);
    }
    await vi.waitFor(async () => expect(await ask(kernel, [query])).toEqual([nearest(query)]), { timeout: 5000 });
    isDone = true;
    await searching;
    expect(wrong).toBe(0);
    changes.close();
    await kernel.close?.();
  });

  test("a change that is not whole yet is not seen, and the next writer cuts it off", async () => {
    writeIndex();
    const changes = await writer();
    change(changes, new Map([[8000n, { vector: [1, 1, 1, 1], stock: 1 }]]), []);
    changes.close();
    const whole = readFileSync(`${file()}.delta`);
    const second = await writer();
    change(second, new Map([[8001n, { vector: [1, 1, 1, 1.5], stock: 1 }]]), []);
    second.close();
    const both = readFileSync(`${file()}.delta`);
    model.delete(8001n);
    for (let cut = whole.length; cut < both.length; cut += 24) {
      writeFileSync(`${file()}.delta`, both);
      truncateSync(`${file()}.delta`, cut);
      const kernel = await open();
      expect(await ask(kernel, [[1, 1, 1, 1]])).toEqual([nearest([1, 1, 1, 1])]);
      await kernel.close?.();
      (await writer()).close();
      expect(readFileSync(`${file()}.delta`)).toEqual(whole);
    }
  });
});

describe("a delta that is refused", () => {
  const broken = async (act: (bytes: Buffer) => Buffer) => {
    writeIndex();
    const changes = await writer();
    change(changes, new Map([[8000n, { vector: [1, 1, 1, 1], stock: 1 }]]), []);
    change(changes, new Map(), [8000n]);
    changes.close();
    writeFileSync(`${file()}.delta`, act(readFileSync(`${file()}.delta`)));
  };
  test("one of another build of the index", async () => {
    await broken(bytes => bytes);
    model.set(1n, { vector: vector(), stock: 1 });
    writeIndex();
    await expect(open()).rejects.toThrow(
      /items\.faiss\.delta belongs to another build of .*items\.faiss\. `merlon index apply --carry-over` brings/,
    );
  });
  test("a changed record before others: not cut off by the next writer", async () => {
    await broken(bytes => {
      bytes[bytes.indexOf(Buffer.from("ARROW1"))]! ^= 1;
      return bytes;
    });
    await expect(writer()).rejects.toThrow(
      /items\.faiss\.delta is damaged: the record at byte \d+ is not what was written, and others follow it/,
    );
  });
});
