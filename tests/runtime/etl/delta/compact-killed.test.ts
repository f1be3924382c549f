// A compaction is killed before each of its changes of files. Without another compaction, a search, a build with its server and the next change
// see every item. KILLS=all kills at each change; the short form kills at eleven, of which each kind has its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { build, compile, printDiagnostics } from "#compiler/index.js";
import { currentBase } from "#formats/delta/delta-base.js";
import { applyChanges } from "#runtime/etl/delta/apply.js";
import { compactIndex } from "#runtime/etl/delta/compact.js";
import { openChangedIndex } from "#runtime/etl/delta/search-changed.js";
import { buildIndex } from "#runtime/etl/index-build.js";
import { createTestServer } from "#runtime/testing/index.js";
import { MERLON } from "../../../needs/built.js";
import { writeParquet } from "../table-values.js";
import { schemaOf } from "../workflow-plan.js";

type Items = ReadonlyMap<number | string, number>;

const root = mkdtempSync(join(tmpdir(), "merlon-killed-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Items on a line: the distance of [0, 0] to the item at x is x². */
const write = (file: string, items: Items) =>
  writeParquet(
    file,
    schemaOf({ item_id: typeof [...items.keys()][0] === "string" ? "string" : "int64", embedding: "list<float32>" }),
    { item_id: [...items.keys()], embedding: [...items.values()].map(x => [x, 0]) },
  );
const nearest = (items: Items) =>
  [...items].sort(([, a], [, b]) => a - b).map(([id]) => (typeof id === "string" ? id : BigInt(id)));
const options = { id: "item_id", embedding: "embedding" };
const PROGRAM = `import { ensemble, queryFaiss, source } from "merlon";
const request = source({ query: "float32[2]" });
export default ensemble("near", request["query"] >> queryFaiss("items.faiss", { topk: 20 }));
`;

/** Runs the command, which is killed before its n-th change. @returns the number of changes, if it was not killed */
async function compactKilled(folder: string, killAt: number | undefined): Promise<number> {
  const counted = join(folder, "..", "count");
  const child = spawn(
    process.execPath,
    ["--import", join(import.meta.dirname, "kill-at.mjs"), MERLON, "index", "compact", "items.faiss"],
    {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...(killAt === undefined ? { COUNT_TO: counted } : { KILL_AT: String(killAt) }) },
    },
  );
  let said = "";
  child.stderr.on("data", (some: Buffer) => {
    said += String(some);
  });
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  expect([code, signal, said]).toEqual(killAt === undefined ? [0, null, ""] : [null, "SIGKILL", ""]);
  return killAt === undefined ? Number(readFileSync(counted, "utf8")) : killAt;
}

async function found(index: string): Promise<readonly (bigint | string)[]> {
  const opened = await openChangedIndex(index, {}, false);
  try {
    return (await opened.search(Float32Array.of(0, 0), 20))[0]!.map(({ id }) => id);
  } finally {
    await opened.close();
  }
}

/** The candidates that a server of a new build answers. */
async function served(folder: string): Promise<readonly (bigint | string)[]> {
  const compiled = await compile(join(folder, "near.ensemble.ts"));
  if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics, { color: false }));
  build(compiled, join(folder, "repository"));
  await using server = await createTestServer(join(folder, "repository"));
  const response = await fetch(`${server.http}/v2/models/near/infer`, {
    method: "POST",
    body: JSON.stringify({ inputs: [{ name: "query", shape: [1, 2], datatype: "FP32", data: [0, 0] }] }),
  });
  const { outputs } = (await response.json()) as { outputs: { name: string; data: (number | string)[] }[] };
  const { data } = outputs.find(({ name }) => /^candidate_ids(__values)?$/.test(name))!;
  return data.map(id => (typeof id === "string" ? id : BigInt(id)));
}

/** Three of 1 … n, and the last eight, which publish the base. Each kind of ids has every other one, since it changes the same files. */
function instants(n: number, kind: "int64" | "string"): readonly number[] {
  const all = Array.from({ length: n }, (_, i) => i + 1);
  if (process.env.KILLS === "all") return all;
  return [all[0]!, all[n >> 2]!, all[n >> 1]!, ...all.slice(-8)].filter(
    (_, i) => i % 2 === (kind === "string" ? 1 : 0),
  );
}

describe.each(["int64", "string"] as const)("an index of %s ids", kind => {
  const name = (i: number) => (kind === "string" ? `sku ${i}` : i);
  const base: Items = new Map(Array.from({ length: 8 }, (_, i) => [name(i), i + 1]));
  const now: Items = new Map(
    [...base, [name(3), 40], [name(50), 0.5]].filter(([id]) => id !== name(5)) as [string, number][],
  );
  const later: Items = new Map([...now, [name(60), 0.25]].filter(([id]) => id !== name(50)) as [string, number][]);
  const start = join(root, kind);

  beforeAll(async () => {
    await write(join(root, `${kind}.parquet`), base);
    await buildIndex(join(root, `${kind}.parquet`), join(start, "items.faiss"), {
      ...options,
      metric: "l2",
      textIds: kind === "string",
    });
    writeFileSync(join(start, "near.ensemble.ts"), PROGRAM);
    await write(
      join(start, "fresh.parquet"),
      new Map([
        [name(3), 40],
        [name(50), 0.5],
      ]),
    );
    await write(join(start, "later.parquet"), new Map([[name(60), 0.25]]));
    writeFileSync(join(start, "gone.txt"), `${name(5)}\n`);
    writeFileSync(join(start, "later.txt"), `${name(50)}\n`);
    await change(start, "fresh.parquet", "gone.txt");
  });
  const change = (folder: string, upserts: string, deletes: string, carryOver = false) =>
    applyChanges(join(folder, "items.faiss"), {
      ...options,
      upserts: [join(folder, upserts)],
      deletes: [join(folder, deletes)],
      waitMs: 5000,
      carryOver,
    });

  test("loses nothing, whenever it is killed", { timeout: 1_800_000 }, async () => {
    const whole = join(root, `${kind}-whole`, "x");
    cpSync(start, whole, { recursive: true });
    const count = await compactKilled(whole, undefined);
    expect(count).toBeGreaterThan(12);
    expect(await found(join(whole, "items.faiss"))).toEqual(nearest(now));
    for (const instant of instants(count, kind)) {
      const folder = join(root, `${kind}-${instant}`, "x");
      cpSync(start, folder, { recursive: true });
      await compactKilled(folder, instant);
      const index = join(folder, "items.faiss");
      const at = `killed before change ${instant} of ${count}`;
      expect(await found(index), `search, ${at}`).toEqual(nearest(now));
      expect(await served(folder), `server, ${at}`).toEqual(nearest(now));
      await change(folder, "later.parquet", "later.txt", instant % 2 === 0);
      expect(await found(index), `next change, ${at}`).toEqual(nearest(later));
      await compactIndex(index, { waitMs: 5000 });
      expect(await found(index), `next compaction, ${at}`).toEqual(nearest(later));
      const left = readdirSync(folder).filter(file => /\.(g\d|next|new)|staging/.test(file));
      expect(left, at).toEqual([]);
      rmSync(folder, { recursive: true });
    }
  });

  test("a new index is not replaced by the base of a compaction that was killed", { timeout: 600_000 }, async () => {
    const folder = join(root, `${kind}-built`, "x");
    const index = join(folder, "items.faiss");
    // The first instant at which the delta names the new base.
    for (let instant = 15; ; instant++) {
      rmSync(folder, { recursive: true, force: true });
      cpSync(start, folder, { recursive: true });
      await compactKilled(folder, instant);
      if (currentBase(index) !== index) break;
    }
    const own: Items = new Map([[name(7), 3]]);
    await write(join(folder, "own.parquet"), own);
    await buildIndex(join(folder, "own.parquet"), index, { ...options, metric: "l2", textIds: kind === "string" });
    expect(await compactIndex(index, { waitMs: 5000 })).toMatchObject({ changes: 0 });
    await expect(change(folder, "later.parquet", "later.txt")).rejects.toThrow(
      /belongs to another build of .*--carry-over/,
    );
    expect(currentBase(index)).toBe(index);
    await change(folder, "later.parquet", "later.txt", true);
    expect(await found(index)).toEqual(nearest(new Map([...own, [name(60), 0.25]])));
  });
});
