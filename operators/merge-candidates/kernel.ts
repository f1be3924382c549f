/** Candidates of several sources → those of all, each once, in the order of a method, within the bounds of each source. */
import { stackColumns } from "../../runtime/base/columns/stack.js";
import { type Column, childRows, gather, rootRows } from "../../runtime/base/columns/table.js";
import { invalid } from "../../runtime/base/errors.js";
import type { Kernel, PartCounters } from "../../runtime/engine/schedule/kernel.js";
import { type Collected, collector, type SourceColumns } from "./kernel-collect.js";
import { fuser, selector } from "./kernel-fuse.js";
import { SOURCE_PORTS, sourceName } from "./spec.js";

export const mergeCandidates: Kernel<"mergeCandidates"> = {
  prepare: step => {
    const { params } = step;
    const { method, keepSource } = params;
    const read = SOURCE_PORTS.flatMap(port => {
      const refs = step.inputs[port];
      return refs ? [{ port, isScored: refs.length > 1 }] : [];
    });
    const ports = read.map(({ port }) => port);
    const scored = read.map(({ isScored }) => isScored);
    const names = ports.map((_, s) => sourceName(params.sources, s));
    const parts = ports.map((port, s): PartCounters => ({ port, name: names[s]!, found: 0, kept: 0, unscored: 0 }));
    const fuse = fuser(params);
    const select = selector(params, ports.length);
    return {
      parts,
      run: inputs => {
        const sources = ports.map((port): SourceColumns | undefined => {
          const columns = inputs[port];
          return columns && { ids: columns[0], ...(columns[1] && { scores: columns[1] }) };
        });
        const there = sources.filter(source => source !== undefined);
        const parent = commonRows(sources, names);
        const all = stackColumns(
          there.map(({ ids }) => ids),
          rootRows(there.reduce((n, { ids }) => n + ids.rows.count, 0)),
        );
        const collect = collector(sources, all, parts);
        const made = new Answer(all.rows.count, keepSource ? ports.length : 0);
        const offsets = new Int32Array(parent.count + 1);
        for (let row = 0; row < parent.count; row++) {
          const found = collect(row);
          const fused = method === "roundRobin" ? undefined : fuse(found);
          made.take(found, fused, select(found, fused), parts);
          offsets[row + 1] = made.count;
        }
        const rows = childRows(parent, offsets);
        const ids = gather(all, made.places.subarray(0, made.count), rows);
        return keepSource ? [ids, ...made.columns(rows, method !== "roundRobin", scored)] : [ids];
      },
    };
  },
};

/** @throws RuntimeFault for candidates of other rows than the first ones */
function commonRows(sources: readonly (SourceColumns | undefined)[], names: readonly string[]): Column["rows"] {
  const first = sources.findIndex(source => source !== undefined);
  const parent = sources[first]!.ids.rows.parent!;
  for (const [i, source] of sources.entries())
    if (source && source.ids.rows.parent !== parent)
      throw invalid(`source \`${names[i]}\` has candidates of other rows than \`${names[first]}\`.`);
  return parent;
}

/** The candidates that were taken, user after user. */
class Answer {
  readonly places: Int32Array;
  count = 0;
  readonly #bits: Int32Array;
  readonly #fused: Float32Array;
  /** By source, of each candidate: 0 and NaN where the source did not find it. */
  readonly #ranks: readonly Int32Array[];
  readonly #scores: readonly Float32Array[];

  /** @param sources how many sources' own columns are kept */
  constructor(most: number, sources: number) {
    const kept = sources > 0 ? most : 0;
    this.places = new Int32Array(most);
    this.#bits = new Int32Array(kept);
    this.#fused = new Float32Array(kept);
    this.#ranks = Array.from({ length: sources }, () => new Int32Array(kept));
    this.#scores = Array.from({ length: sources }, () => new Float32Array(kept));
  }

  take(found: Collected, fused: Float32Array | undefined, chosen: Int32Array, parts: readonly PartCounters[]): void {
    const { sources, firstPlaces, ranks, scores } = found;
    for (const c of chosen) {
      const at = this.count++;
      this.places[at] = firstPlaces[c]!;
      let bits = 0;
      for (let s = 0; s < sources; s++) {
        if (ranks[c * sources + s]! === 0) continue;
        bits |= 1 << s;
        parts[s]!.kept++;
      }
      if (this.#ranks.length === 0) continue;
      this.#bits[at] = bits;
      if (fused) this.#fused[at] = fused[c]!;
      for (let s = 0; s < sources; s++) {
        this.#ranks[s]![at] = ranks[c * sources + s]!;
        this.#scores[s]![at] = scores[c * sources + s]!;
      }
    }
  }

  /** `source`, `scores`, and each source's rank and score, as the plan has them. */
  columns(rows: Column["rows"], isScored: boolean, scored: readonly boolean[]): readonly Column[] {
    const int32 = (values: Int32Array): Column => ({ dtype: "int32", rows, values: values.slice(0, this.count) });
    const float32 = (values: Float32Array): Column => ({ dtype: "float32", rows, values: values.slice(0, this.count) });
    return [
      int32(this.#bits),
      ...(isScored ? [float32(this.#fused)] : []),
      ...scored.flatMap((has, s) => [int32(this.#ranks[s]!), ...(has ? [float32(this.#scores[s]!)] : [])]),
    ];
  }
}
