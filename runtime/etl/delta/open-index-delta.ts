/** An index, or a model that has one → the index file, its delta, and a writer of it. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { baseFile, deltaFile } from "../../../contract/files/delta-path.js";
import { withFile } from "../../../formats/bytes/byte-source.js";
import { type DeltaHeader, printHeader } from "../../../formats/delta/delta-file.js";
import { type FaissHeader, readFaissLayoutFile } from "../../../formats/faiss/faiss.js";
import { readTextIds, textIdsFile } from "../../../formats/faiss/text-ids.js";
import { sumOfFile } from "../../../formats/folders/manifest.js";
import { invalid } from "../../base/errors.js";
import { requireBase } from "../../stores/vectors/delta/live-index.js";
import { type DeltaWriter, openDeltaWriter, replaceFile } from "../../stores/vectors/delta/write-delta.js";
import { publishBase } from "./publish-base.js";

/**
 * The index that a path names: a FAISS file, or the only one of a model's newest version.
 * @throws RuntimeFault that lists the indexes of a model with several
 */
export function findIndex(path: string): string {
  if (!existsSync(path)) throw invalid(`${path} does not exist. Name a FAISS file, or a model of a repository.`);
  if (!statSync(path).isDirectory()) return path;
  const versions = readdirSync(path).filter(
    name => /^[1-9]\d*$/.test(name) && existsSync(join(path, name, "plan.json")),
  );
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  const folder = join(newest === undefined ? path : join(path, newest), "indexes");
  const found = existsSync(folder) ? readdirSync(folder).filter(name => name.endsWith(".faiss")) : [];
  if (found.length === 1) return join(folder, found[0]!);
  throw invalid(
    found.length === 0
      ? `${path} is not a model with an index. Name a FAISS file, or a model that \`merlon build\` wrote.`
      : `${path} has ${found.length} indexes: name one of ${found.map(name => join(folder, name)).join(", ")}.`,
  );
}

export interface IndexDelta extends DeltaWriter {
  readonly index: string;
  readonly file: string;
  readonly header: DeltaHeader;
  /** The base of the changes, and its ids: text ids are looked up by their positions. */
  readonly base: string;
}

export interface DeltaOptions {
  readonly waitMs: number;
  /** Vectors are brought to length 1. By default, if the base's inner products are of such vectors. */
  readonly unit?: boolean | undefined;
  /** Changes of another build of the index are kept, and win over this build's vectors. @default false */
  readonly carryOver?: boolean;
}

/** @throws RuntimeFault naming the file */
export async function openIndexDelta(
  path: string,
  { waitMs, unit, carryOver = false }: DeltaOptions,
): Promise<IndexDelta> {
  const index = findIndex(path);
  const file = deltaFile(index);
  await publishBase(index, waitMs);
  const writer = await openDeltaWriter(file, { waitMs, header: () => headerOf(index, unit) });
  try {
    const { header } = writer.delta;
    if (unit !== undefined && unit !== header.unit)
      throw invalid(
        `${file} was begun ${header.unit ? "with" : "without"} vectors of length 1. Leave --metric out, or run \`merlon index compact\` first.`,
      );
    const current = readFaissLayoutFile(header.base.file === "" ? index : baseFile(index, header.base.file)).header;
    if (current.dimension !== header.dimension || current.metric !== header.metric)
      throw invalid(
        `${file} has vectors of ${header.dimension} numbers (${header.metric}), and ${index} of ${current.dimension} (${current.metric}): they are of different towers. Remove the delta.`,
      );
    if (carryOver) return await carried(index, file, writer, waitMs);
    const base = await requireBase(index, writer.delta, file);
    return { ...writer, index, file, header, base };
  } catch (error) {
    writer.close();
    throw error;
  }
}

/** The same changes for the index as it is now. */
async function carried(index: string, file: string, writer: DeltaWriter, waitMs: number): Promise<IndexDelta> {
  const { header, start, end } = writer.delta;
  const now: DeltaHeader = { ...header, base: { file: "", ...sumOfFile(index) } };
  const bytes = await readFile(file);
  replaceFile(file, [printHeader(now), bytes.subarray(start, end)]);
  writer.close();
  return openIndexDelta(index, { waitMs });
}

/** The header of a new delta. @throws RuntimeFault for a metric that the index has not */
export async function headerOf(index: string, unit: boolean | undefined): Promise<DeltaHeader> {
  const layout = readFaissLayoutFile(index);
  const { dimension, metric } = layout.header;
  const map = textIdsFile(index);
  const isText = existsSync(map);
  if (isText) readTextIds(map, { index, ntotal: layout.header.ntotal });
  if (unit === true && metric === "l2")
    throw invalid(`${index} compares by L2, and cosines are inner products. Leave \`--metric cosine\` out.`);
  return {
    ids: isText ? "string" : "int64",
    dimension,
    metric,
    unit: unit ?? (metric === "ip" && hasUnitLengths(index, layout)),
    base: { file: "", ...sumOfFile(index) },
  };
}

/** Vectors that are looked at. */
const SAMPLE = 256;

/** Whether vectors of an index that keeps them all have length 1. */
function hasUnitLengths(
  index: string,
  {
    header,
    vectorRuns,
  }: { readonly header: FaissHeader; readonly vectorRuns: readonly { offset: number; count: number }[] },
): boolean {
  const { dimension } = header;
  let seen = 0;
  return withFile(index, source => {
    for (const { offset, count } of vectorRuns)
      for (let i = 0; i < count && seen < SAMPLE; i++, seen++) {
        const bytes = source.read(offset + i * dimension * 4, dimension * 4);
        const vector = new Float32Array(Uint8Array.from(bytes).buffer);
        if (Math.abs(Math.hypot(...vector) - 1) > 1e-4) return false;
      }
    return seen > 0;
  });
}
