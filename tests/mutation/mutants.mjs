/** Mutants as the tools of this folder know them: their identities, and a seeded sample of them. */
import { createHash } from "node:crypto";

/** @returns path relative to the tree */
export const pathOf = (file, root = process.cwd()) => file.replace(`${root.replace(/\/$/, "")}/`, "");

/**
 * Gives each mutant an identity that stays while its line does, wherever that moves: its file, line, mutator, replacement, and number among equals.
 * @param mutants with `line`, the text of their first line
 */
export function identified(mutants) {
  const seen = new Map();
  return mutants.map(mutant => {
    const what = [pathOf(mutant.fileName), mutant.line, mutant.mutatorName, mutant.replacement].join("\t");
    const nth = seen.get(what) ?? 0;
    seen.set(what, nth + 1);
    return { ...mutant, identity: `${nth}\t${what}` };
  });
}

/** The `count` mutants with the smallest hashes of seed and identity: a change elsewhere leaves the rest of a sample as it was. */
export function sampleOf(mutants, count, seed) {
  const rankOf = ({ identity }) => createHash("sha256").update(`${seed}\t${identity}`).digest("hex");
  return mutants
    .map(mutant => ({ mutant, rank: rankOf(mutant) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .slice(0, count)
    .map(({ mutant }) => mutant);
}

/** Wilson's interval of a proportion, at 95 %. */
export function wilson(hits, count) {
  if (count === 0) return [0, 1];
  const z = 1.959964;
  const share = hits / count;
  const centre = share + z ** 2 / (2 * count);
  const spread = z * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2));
  return [centre - spread, centre + spread].map(bound => Math.min(1, Math.max(0, bound / (1 + z ** 2 / count))));
}
