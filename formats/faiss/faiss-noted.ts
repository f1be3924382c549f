/** Facts that readFaissLayout collects while it walks a file; those of an IVF's quantizer are kept apart. */
import type { FaissLayout } from "./faiss-header.js";

export interface Noted {
  idRuns: { offset: number; count: number; list?: number }[];
  vectorRuns: { offset: number; count: number }[];
  centroids?: FaissLayout["centroids"] & object;
  nprobeAt?: number;
  efSearchAt?: number;
  /** As of FaissLayout. */
  tables: number;
  scratch: number;
  /** Bytes of distances between all pairs of a product quantizer's centroids. */
  pairs?: number;
}

export const nothing = (): Noted => ({ idRuns: [], vectorRuns: [], tables: 0, scratch: 0 });

/** An index around another searches with the parameters of that one, and costs what that one costs. */
export function takeCosts(to: Noted, from: Noted): void {
  if (from.nprobeAt !== undefined) to.nprobeAt = from.nprobeAt;
  if (from.efSearchAt !== undefined) to.efSearchAt = from.efSearchAt;
  to.tables += from.tables;
  to.scratch += from.scratch;
}
