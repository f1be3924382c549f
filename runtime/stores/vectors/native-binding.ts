/** Our binding of FAISS (native/search.cc), where it is compiled. */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { FilteredWay } from "./filtered-search.js";

/** `count × k` of each, and the CPU time of the search in microseconds; -1 is "not found". */
export interface Found {
  readonly ids: BigInt64Array;
  readonly distances: Float32Array;
  readonly micros: number;
}
/** Opaque; its memory is freed by `close`, or with the last reference. */
export type Handle = object;
export interface Opened {
  readonly handle: Handle;
  readonly dimension: number;
  readonly ntotal: number;
  /** Whether native/flat-scan.h searches it. */
  readonly scans: boolean;
  /** Whether it could. */
  readonly scannable: boolean;
  /** Whether native/filtered.h searches it. */
  readonly filters: boolean;
}
export interface Binding {
  /**
   * @param tables whether FAISS computes tables that speed searches up
   * @param views the index searches these bytes in place, so they must not change. It scans after `makeScan` or `useScan`.
   */
  open(from: string | Uint8Array, tables: boolean, views: boolean): Promise<Opened>;
  /** With a file it writes the scan there, else the index scans from now on. @returns whether it scans */
  makeScan(handle: Handle, file?: number): Promise<boolean>;
  /** Scans with the bytes that `makeScan` wrote. @returns whether it scans */
  useScan(handle: Handle, bytes: Uint8Array): boolean;
  searchAsync(handle: Handle, queries: Float32Array, count: number, k: number, ...filter: Filter): Promise<Found>;
  searchSync(handle: Handle, queries: Float32Array, count: number, k: number, ...filter: Filter): Found;
  close(handle: Handle): void;
  /** Whether FAISS can leave those tables out. */
  readonly skipsTables: boolean;
  /** Whether FAISS can search bytes where they are. */
  readonly viewsMemory: boolean;
  /** Limits this process's address space. */
  limitMemory(bytes: number): void;
}

/** Nothing, or a bit for each position, the way (as `WAYS` lists them), and the number of nodes that a graph's search keeps. */
export type Filter = readonly [] | readonly [bits: Uint8Array, way: number, effort: number];

/** The ways of native/filtered.h, by their numbers. */
export const WAYS: readonly FilteredWay[] = ["exact", "lists", "graph"];

let found: Binding | false | undefined;

/** undefined where it is not compiled, is of another system, or `MERLON_FAISS=thread` says not to use it. */
export function binding(): Binding | undefined {
  if (process.env.MERLON_FAISS === "thread") return undefined;
  if (found === undefined)
    try {
      const path = new URL("../../../../build/Release/merlon-faiss.node", import.meta.url);
      found = createRequire(import.meta.url)(fileURLToPath(path)) as Binding;
    } catch {
      found = false;
    }
  return found || undefined;
}
