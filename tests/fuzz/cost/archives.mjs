/**
 * The costliest request of each kind, for CPU time and for memory: the parents of the next ones.
 */
import { cross, draw, mutate } from "./genes.mjs";

export const KINDS = ["cpu", "memory"];
/** Entries beyond these never win. */
const MOST_ENTRIES = 400;
/** As long as an archive has fewer, requests are drawn. */
const FEW_ENTRIES = 20;

/** @param shapes `GENES` and `cell` of a protocol */
export function createArchives({ GENES, cell }, random) {
  const archives = { cpu: new Map(), memory: new Map() };
  // The costliest of a few.
  const pick = entries =>
    Array.from({ length: 4 }, () => random.pick(entries)).reduce((a, b) => (b.ratio > a.ratio ? b : a)).genome;
  return {
    ratio: (kind, genome) => archives[kind].get(cell(genome))?.ratio ?? 0,
    isSmall: () => archives.cpu.size < FEW_ENTRIES,
    candidate() {
      const entries = [...archives[random.below(3) ? "cpu" : "memory"].values()];
      if (entries.length < FEW_ENTRIES || random.below(5) === 0) return draw(GENES, random);
      const parent = random.below(4) ? pick(entries) : cross(GENES, pick(entries), pick(entries), random);
      return mutate(GENES, parent, random);
    },
    add(kind, entry) {
      const key = cell(entry.genome);
      if (entry.ratio > (archives[kind].get(key)?.ratio ?? 0)) archives[kind].set(key, entry);
    },
    trim() {
      for (const kind of KINDS)
        archives[kind] = new Map([...archives[kind]].sort(([, a], [, b]) => b.ratio - a.ratio).slice(0, MOST_ENTRIES));
    },
  };
}
