/** A base and its changes → a new base with the vectors of both, as FAISS adds and removes them. */
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bytesSource } from "../../../formats/bytes/byte-source.js";
import { type BareIndex, bareIndex, compactFault, isGraph, withLabels } from "../../../formats/faiss/compact-index.js";
import { readFaissHeader, readFaissHeaderFile, writeSearchParameters } from "../../../formats/faiss/faiss.js";
import { linksOf } from "../../../formats/faiss/faiss-graph.js";
import { readTextIds, type TextIds, textIdsFile } from "../../../formats/faiss/text-ids.js";
import { type RuntimeFault, unsupported } from "../../base/errors.js";
import type { DeltaContents, DeltaId } from "../../stores/vectors/delta/delta-contents.js";
import type { FaissJob } from "../faiss-child.js";
import { appendVectors } from "../keyed-vectors.js";
import { printTextIds } from "../print-text-ids.js";
import { runFaissChild } from "../run-faiss.js";
import type { CompactJob } from "./compact-child.js";

export interface NewBase {
  readonly file: string;
  /** Its id map, if ids are texts. */
  readonly map: string | undefined;
  readonly count: number;
}

/**
 * @param folder for files; what is there afterwards and not returned is of no use
 * @throws RuntimeFault for a kind of index that vectors cannot be removed from, or all of whose vectors would be
 */
export async function compactBase(base: string, contents: DeltaContents, folder: string): Promise<NewBase> {
  const map = textIdsFile(base);
  const texts = existsSync(map)
    ? readTextIds(map, { index: base, ntotal: readFaissHeaderFile(base).ntotal, isKnown: true })
    : undefined;
  const bare = bareIndex(base);
  const { ntotal } = bare.header;
  const keyAt = keysOf(bare, texts);
  const dead = Uint32Array.from(positions(ntotal, position => contents.placeOf.has(keyAt(position))));
  const fault = compactFault(readFaissHeaderFile(base), dead.length > 0);
  if (fault) throw unfit(base, fault);
  const fresh = [...contents.items.keys()];
  const count = ntotal - dead.length + fresh.length;
  if (count === 0) throw unfit(base, "would be empty: all of its items are deleted");
  const out = join(folder, "raw.faiss");
  const labels = Uint32Array.from(left(ntotal, dead, fresh.length));
  if (isGraph(bare.header) && dead.length > 0) await rebuildGraph(bare, contents, labels, folder, out);
  else await change(bare, contents, dead, folder, out);
  const keys = Array.from(labels, label => (label < ntotal ? keyAt(label) : fresh[label - ntotal]!));
  const bytes = withLabels(readFileSync(out), labels, texts ? undefined : BigInt64Array.from(keys as bigint[]));
  const file = join(folder, "index.faiss");
  await writeFile(file, bytes);
  if (!texts) return { file, map: undefined, count };
  const newMap = join(folder, "ids.arrow");
  await writeFile(newMap, printTextIds(keys as string[], file));
  return { file, map: newMap, count };
}

const unfit = (base: string, fault: string): RuntimeFault =>
  unsupported(`${base} ${fault}. Build it again with \`merlon index build\`, from data that has the changes.`);

const keysOf = ({ ids }: BareIndex, texts: TextIds | undefined): ((position: number) => DeltaId) =>
  texts
    ? // In an index of lists labels are positions of the map, in the order of the lists.
      position => texts.at(ids ? Number(ids[position]) : position)
    : position => ids?.[position] ?? BigInt(position);

function* positions(count: number, isIt: (position: number) => boolean): Generator<number> {
  for (let position = 0; position < count; position++) if (isIt(position)) yield position;
}

function* left(ntotal: number, dead: Uint32Array, fresh: number): Generator<number> {
  const gone = new Set(dead);
  for (let label = 0; label < ntotal + fresh; label++) if (!gone.has(label)) yield label;
}

async function change(
  { bytes, header: { dimension } }: BareIndex,
  { items }: DeltaContents,
  dead: Uint32Array,
  folder: string,
  out: string,
): Promise<void> {
  const [index, vectors, removed] = ["bare.faiss", "vectors.f32", "dead.u32"].map(name => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(index, bytes);
  writeVectors(
    vectors,
    [...items.values()].map(({ vector }) => vector),
  );
  writeFileSync(removed, dead);
  const job: CompactJob = { index, vectors, count: items.size, dimension, dead: removed, out };
  await runFaissChild(fileURLToPath(new URL("./compact-child.js", import.meta.url)), job, "change the index");
}

function writeVectors(file: string, vectors: Iterable<Float32Array>): void {
  const handle = openSync(file, "w");
  try {
    for (const vector of vectors) appendVectors(handle, vector);
  } finally {
    closeSync(handle);
  }
}

/** FAISS removes nothing from a graph, so it is made anew from its vectors. */
async function rebuildGraph(
  { bytes, header, vectorRuns }: BareIndex,
  { items }: DeltaContents,
  labels: Uint32Array,
  folder: string,
  out: string,
): Promise<void> {
  const { dimension, ntotal, metric, efSearch } = header;
  const [run] = vectorRuns;
  const fresh = [...items.values()];
  const vectors = join(folder, "vectors.f32");
  writeVectors(
    vectors,
    (function* () {
      for (const label of labels)
        yield label < ntotal
          ? new Float32Array(
              Uint8Array.from(
                bytes.subarray(run!.offset + label * dimension * 4, run!.offset + (label + 1) * dimension * 4),
              ).buffer,
            )
          : fresh[label - ntotal]!.vector;
    })(),
  );
  const factory = `HNSW${linksOf(bytesSource(bytes))},Flat`;
  const job: FaissJob = { vectors, count: labels.length, dimension, factory, metric, train: 0, out };
  await runFaissChild(fileURLToPath(new URL("../faiss-child.js", import.meta.url)), job, `build \`${factory}\``);
  const made = new Uint8Array(readFileSync(out));
  if (readFaissHeader(made).efSearch !== efSearch) writeSearchParameters(made, { efSearch });
  await writeFile(out, made);
}
