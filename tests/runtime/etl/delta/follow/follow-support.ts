/** An index of items on a line, and feeds that change it: the distance of [0, 0] to the item at x is x². */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RECORD, readHeader, recordAt } from "#formats/delta/delta-file.js";
import { openChangedIndex } from "#runtime/etl/delta/search-changed.js";
import { buildIndex } from "#runtime/etl/index-build.js";
import { MERLON } from "../../../../needs/built.js";
import { writeParquet } from "../../table-values.js";
import { schemaOf } from "../../workflow-plan.js";

export type Items = ReadonlyMap<number | string, number>;

export const columns = { id: "item_id", embedding: "embedding" };

export const writeItems = (file: string, items: Items) =>
  writeParquet(
    file,
    schemaOf({ item_id: typeof [...items.keys()][0] === "string" ? "string" : "int64", embedding: "list<float32>" }),
    { item_id: [...items.keys()], embedding: [...items.values()].map(x => [x, 0]) },
  );

export async function buildItems(folder: string, items: Items): Promise<string> {
  await writeItems(join(folder, "base.parquet"), items);
  const index = join(folder, "items.faiss");
  const textIds = typeof [...items.keys()][0] === "string";
  await buildIndex(join(folder, "base.parquet"), index, { ...columns, metric: "l2", textIds });
  return index;
}

/** Items of an index and its changes, nearest first. */
export async function found(index: string): Promise<Record<string, number>> {
  const opened = await openChangedIndex(index, {}, false);
  try {
    const [hits] = await opened.search(Float32Array.of(0, 0), 1000);
    return Object.fromEntries(hits!.map(({ id, distance }) => [String(id), Math.sqrt(distance)]));
  } finally {
    await opened.close();
  }
}

export const asRecord = (items: Items): Record<string, number> =>
  Object.fromEntries([...items].map(([id, x]) => [String(id), x]));

/** Rows of all upserts and deletions in a delta, also those that later ones replaced. */
export function rowsOf(delta: string): { upserts: number; deletes: number; commits: number } {
  const bytes = readFileSync(delta);
  const count = { upserts: 0, deletes: 0, commits: 0 };
  let record = recordAt(bytes, readHeader(bytes, delta)!.end);
  for (; record; record = recordAt(bytes, record.end))
    if (record.kind === RECORD.upserts) count.upserts += record.content.readUInt32LE(0);
    else if (record.kind === RECORD.deletes) count.deletes += record.content.readUInt32LE(0);
    else if (record.kind === RECORD.commit) count.commits++;
  return count;
}

export interface Ended {
  readonly status: number | string | null;
  readonly out: string;
  readonly err: string;
  /** Changes of files, if it was not killed. */
  readonly changes: number | undefined;
}

/** Runs `merlon index follow items.faiss … --once`. @param killAt ends it before its n-th change of a file */
export async function followOnce(folder: string, args: readonly string[], killAt?: number): Promise<Ended> {
  const counted = join(folder, "count");
  const child = spawn(
    process.execPath,
    [
      "--import",
      join(import.meta.dirname, "../kill-at.mjs"),
      MERLON,
      ...["index", "follow", "items.faiss", "--once"],
      ...args,
    ],
    {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...(killAt === undefined ? { COUNT_TO: counted } : { KILL_AT: String(killAt) }) },
    },
  );
  const said = { out: "", err: "" };
  child.stdout.on("data", some => {
    said.out += String(some);
  });
  child.stderr.on("data", some => {
    said.err += String(some);
  });
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  return {
    status: signal ?? code,
    ...said,
    changes: signal === null ? Number(readFileSync(counted, "utf8")) : undefined,
  };
}

/** Ten of 1 … n; all with KILLS=all. */
export function instants(n: number): readonly number[] {
  const all = Array.from({ length: n }, (_, i) => i + 1);
  return process.env.KILLS === "all" ? all : all.filter(i => i % Math.ceil(n / 12) === 1 || i > n - 3);
}
