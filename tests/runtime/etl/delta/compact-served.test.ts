// A model's index is compacted while it is searched: every answer is right before, during and after, and the files of the build stay.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { wrapIdMap } from "#formats/faiss/faiss.js";
import { printFlat } from "#formats/faiss/print-flat.js";
import { sumOfFile } from "#formats/folders/manifest.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { compactIndex } from "#runtime/etl/delta/compact.js";
import { openDeltaWriter } from "#runtime/stores/vectors/delta/write-delta.js";
import "../../../needs/built.js";
import { column, context, grouped, prepare, vectors } from "../../../operators/step.js";
import { elapse } from "../../../run/wait.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-compact-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("two compactions of a model's index, and changes between them", { timeout: 120_000 }, async () => {
  const index = join(folder, "indexes", "items.faiss");
  mkdirSync(join(folder, "indexes"));
  writeFileSync(join(folder, "plan.json"), "{}");
  const base = Float32Array.from({ length: 200 }, (_, i) => Math.sin(i * i));
  writeFileSync(
    index,
    wrapIdMap(
      printFlat(base, 2, "ip"),
      BigInt64Array.from({ length: 100 }, (_, i) => BigInt(i)),
    ),
  );
  const built = readFileSync(index);
  const delta = join(folder, "merlon-live", "items.faiss.delta");
  const upsert = async (id: bigint, x: number) => {
    const header = () => ({
      ids: "int64" as const,
      dimension: 2,
      metric: "ip" as const,
      unit: false,
      base: { file: "", ...sumOfFile(index) },
    });
    const writer = await openDeltaWriter(delta, { waitMs: 1000, header });
    writer.append({
      upserts: [{ ids: BigInt64Array.of(id), vectors: Float32Array.of(x, x), attributes: new Uint8Array(0) }],
    });
    writer.close();
  };
  const kernel = await prepare(
    "queryFaiss",
    {
      params: { path: "items.faiss", topk: 3 },
      inputs: { input: ["query"] },
      outputs: [column("candidate_ids", "int64", { rows: "s1" })],
      artefacts: { index: "indexes/items.faiss" },
    },
    folder,
  );
  const ask = async () =>
    grouped((await kernel.run({ input: [vectors("float32", [[1, 1]], 2, rootRows(1))] }, context()))[0]!)[0]!;
  await upsert(5n, 9);
  await upsert(500n, 8);
  await upsert(501n, 7);
  await vi.waitFor(async () => expect(await ask()).toEqual([5n, 500n, 501n]), { timeout: 5000, interval: 20 });
  for (const generation of [1, 2]) {
    let isDone = false;
    const answers = new Set<string>();
    const searching = (async () => {
      while (!isDone) {
        answers.add(String(await ask()));
        await elapse(5);
      }
    })();
    const name = `items.faiss.g${generation}`;
    expect(await compactIndex(index, { waitMs: 1000 })).toMatchObject({ file: join(folder, "merlon-live", name) });
    await elapse(500);
    isDone = true;
    await searching;
    expect([...answers]).toEqual([generation === 1 ? "5,500,501" : "600,5,500"]);
    expect(readdirSync(join(folder, "merlon-live")).filter(file => file.includes(".g"))).toEqual([name]);
    if (generation === 1) {
      await upsert(600n, 10);
      await vi.waitFor(async () => expect(await ask()).toEqual([600n, 5n, 500n]), { timeout: 5000, interval: 20 });
    }
  }
  expect(readFileSync(index)).toEqual(built);
  await kernel.close?.();
});
