/**
 * The index factories that are built here: text as FAISS spells it → its requirements on the vectors.
 */
import { RuntimeFault } from "../base/errors.js";

export interface IndexFactory {
  readonly text: string;
  /** Inverted lists; 0: none. */
  readonly lists: number;
  /** HNSW. */
  readonly graph: boolean;
  /** Maximum number of training vectors; 0 without training. */
  readonly train: number;
  /** Vectors needed. */
  readonly least: number;
}

/** FAISS trains on at most this many vectors per centroid. */
const PER_CENTROID = 256;

/** @param dimension of the vectors @throws RuntimeFault naming factory and way out */
export function indexFactory(text: string, dimension: number): IndexFactory {
  const [, lists, links, code, parts, bits] =
    /^(?:IVF([1-9]\d{0,6}),|HNSW([1-9]\d{0,2})(?:,|$))?(Flat|SQ8|PQ([1-9]\d{0,3})(?:x([1-9]\d?))?)?$/.exec(text) ?? [];
  if (text === "" || (code === undefined && links === undefined))
    throw fault(
      `factory \`${text}\` is not made here. Use \`Flat\`, \`SQ8\` or \`PQ16\` (16 bytes a vector), alone or behind \`IVF32,\` (32 lists) or \`HNSW32,\` (32 links).`,
    );
  const centroids = parts === undefined ? 0 : 2 ** Number(bits ?? 8);
  if (parts !== undefined && (dimension % Number(parts) !== 0 || Number(bits ?? 8) > 12))
    throw fault(
      `factory \`${text}\` cuts vectors into ${parts} parts${Number(bits ?? 8) > 12 ? ` of ${bits} bits` : ""}, and they have ${dimension} dimensions. Use a number of parts that divides ${dimension}, of 4 to 12 bits.`,
    );
  const most = Math.max(Number(lists ?? 0), centroids);
  return {
    text,
    lists: Number(lists ?? 0),
    graph: links !== undefined,
    train: code === "SQ8" && most === 0 ? 100_000 : most * PER_CENTROID,
    least: most,
  };
}

const fault = (message: string): RuntimeFault => new RuntimeFault("INVALID_ARGUMENT", message);
