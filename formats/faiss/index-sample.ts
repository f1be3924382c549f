/**
 * Some items of an index with their vectors, as the file of a tower keeps them. An index that is built again from the same tower has the same
 * vectors. Those of another training point elsewhere, whatever their ids are.
 */
import { existsSync } from "node:fs";
import { z } from "zod";
import { type ByteSource, withFile } from "../bytes/byte-source.js";
import type { FaissHeader, FaissLayout } from "./faiss-header.js";
import { readFaissLayout } from "./faiss-layout.js";
import { spread } from "./some-ids.js";
import { readTextIds, textIdsFile } from "./text-ids.js";

const ITEMS = 16;
/** Fewer items in common prove nothing. */
const LEAST = 3;

const indexSample = z.array(z.strictObject({ id: z.string().max(1024), vector: z.base64().max(1 << 19) })).max(ITEMS);
/** Ids as text; vectors are float32 in base64. */
export type IndexSample = z.output<typeof indexSample>;

/** Undefined for a text that another tool wrote. */
export function readIndexSample(text: string): IndexSample | undefined {
  try {
    return indexSample.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Undefined for an index that does not keep its vectors as they are. @throws Error */
export const sampleIndex = (file: string): IndexSample | undefined =>
  withItems(file, ({ count, idAt, vectorAt }) =>
    spread(count, ITEMS).map(place => ({
      id: idAt(place),
      vector: Buffer.from(vectorAt(place).buffer).toString("base64"),
    })),
  );

/** The items that sample and index have in common, and the median cosine of their vectors; undefined for too few of them. @throws Error */
export const likeness = (
  file: string,
  sample: IndexSample,
): { readonly items: number; readonly cosine: number } | undefined =>
  withItems(file, ({ placesOf, vectorAt }) => {
    const places = placesOf(new Set(sample.map(({ id }) => id)));
    const cosines = sample
      .flatMap(({ id, vector }) => {
        const place = places.get(id);
        return place === undefined ? [] : [cosineOf(vectorAt(place), floatsOf(vector))];
      })
      .filter(cosine => !Number.isNaN(cosine))
      .sort((a, b) => a - b);
    return cosines.length < LEAST ? undefined : { items: cosines.length, cosine: cosines[cosines.length >> 1]! };
  });

/** The items of an index by their place in its file. */
interface Items {
  readonly count: number;
  idAt(place: number): string;
  placesOf(ids: ReadonlySet<string>): ReadonlyMap<string, number>;
  vectorAt(place: number): Float32Array;
}

function withItems<T>(file: string, use: (items: Items) => T): T | undefined {
  return withFile(file, source => {
    const layout = readFaissLayout(source, file);
    if (!keepsVectors(layout)) return undefined;
    const size = 4 * layout.header.dimension;
    const vectorAt = (place: number) => floats(source.read(...placeIn(layout.vectorRuns, place, size)));
    return use({ count: layout.header.ntotal, vectorAt, ...idsOf(file, source, layout) });
  });
}

/** Whether its vectors are those that were added, one an id. A transform of another build makes other ones of them. */
function keepsVectors({ header, vectorRuns }: FaissLayout): boolean {
  const plain = (at: FaissHeader): boolean => ["flat", "ivf-flat", "hnsw-flat"].includes(at.kind);
  const { kind, inner } = header;
  const isPlain = kind === "id-map" && inner ? plain(inner) && inner.ids === "positions" : plain(header);
  return isPlain && vectorRuns.reduce((n, { count }) => n + count, 0) === header.ntotal;
}

type Ids = Pick<Items, "idAt" | "placesOf">;

function idsOf(file: string, source: ByteSource, { header, idRuns }: FaissLayout): Ids {
  const { ntotal } = header;
  const own: Ids =
    header.ids === "stored" ? storedIds(source, idRuns) : { idAt: String, placesOf: ids => found(ids, ntotal, String) };
  const map = textIdsFile(file);
  if (!existsSync(map)) return own;
  const texts = readTextIds(map, { index: file, ntotal, isKnown: true });
  return {
    idAt: place => texts.at(Number(own.idAt(place))),
    placesOf: ids => {
      const positions = new Map([...found(ids, ntotal, texts.at)].map(([text, at]) => [String(at), text]));
      return new Map([...own.placesOf(new Set(positions.keys()))].map(([at, place]) => [positions.get(at)!, place]));
    },
  };
}

const storedIds = (source: ByteSource, runs: FaissLayout["idRuns"]): Ids => ({
  idAt: place => `${int64sOf(source.read(...placeIn(runs, place, 8)))[0]}`,
  placesOf: ids => {
    const wanted = new Set([...ids].filter(id => /^-?\d{1,19}$/.test(id)).map(BigInt));
    const places = new Map<string, number>();
    let before = 0;
    for (const { offset, count } of runs) {
      int64sOf(source.read(offset, 8 * count)).forEach((id, i) => {
        if (wanted.has(id)) places.set(`${id}`, before + i);
      });
      before += count;
    }
    return places;
  },
});

function found(ids: ReadonlySet<string>, count: number, at: (place: number) => string): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  for (let place = 0; place < count; place++) {
    const id = at(place);
    if (ids.has(id)) places.set(id, place);
  }
  return places;
}

/** Offset and length of the value of a place. */
function placeIn(runs: FaissLayout["vectorRuns"], place: number, size: number): [offset: number, length: number] {
  let before = 0;
  for (const { offset, count } of runs) {
    if (place < before + count) return [offset + size * (place - before), size];
    before += count;
  }
  throw new RangeError(`place ${place} of ${before}`);
}

const int64sOf = (bytes: Uint8Array): BigInt64Array => new BigInt64Array(Uint8Array.from(bytes).buffer);
const floats = (bytes: Uint8Array): Float32Array => new Float32Array(Uint8Array.from(bytes).buffer);
/** The vector of an item of a sample; whole floats only. */
export const floatsOf = (vector: string): Float32Array => {
  const bytes = Buffer.from(vector, "base64");
  return floats(bytes.subarray(0, bytes.length & ~3));
};

/** NaN for vectors of other lengths, and for zeros. */
function cosineOf(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.NaN;
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return dot / Math.sqrt(aa * bb);
}
