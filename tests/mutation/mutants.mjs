/** Mutants as the tools of this folder know them: their keys, a seeded sample of them, and those judged equivalent. */
import { createHash } from "node:crypto";

const SANDBOX = /^.*\/sandbox-[^/]+\//;

/** @returns path relative to the tree, of a file in it or in one of Stryker's sandboxes */
export const pathOf = (file, root = process.cwd()) =>
  file.replace(SANDBOX, "").replace(`${root.replace(/\/$/, "")}/`, "");

const place = ({ line, column }) => `${line}:${column}`;

/** Identifies a mutant of the tree as it is: file, place (lines and columns from 0), mutator and replacement. */
export const keyOf = ({ fileName, location: { start, end }, mutatorName, replacement }) =>
  [pathOf(fileName), `${place(start)}-${place(end)}`, mutatorName, replacement].join("\t");

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

/**
 * Whether an entry of `equivalent.json` is about a mutant: the same file, mutator, replacement, and source line. If the entry has an `nth`, it is that one
 * of the equals.
 */
export const isAbout = (entry, mutant) =>
  entry.file === pathOf(mutant.fileName) &&
  entry.line === mutant.line &&
  entry.mutator === mutant.mutatorName &&
  entry.replacement === mutant.replacement &&
  (entry.nth === undefined || mutant.identity.startsWith(`${entry.nth}\t`));

/** Wilson's interval of a proportion, at 95 %. */
export function wilson(hits, count) {
  if (count === 0) return [0, 1];
  const z = 1.959964;
  const share = hits / count;
  const centre = share + z ** 2 / (2 * count);
  const spread = z * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2));
  return [centre - spread, centre + spread].map(bound => Math.min(1, Math.max(0, bound / (1 + z ** 2 / count))));
}

/** Eight digits of an identity. */
export const digestOf = identity => createHash("sha256").update(identity).digest("hex").slice(0, 8);

/** Survivors run again with the tests that were written for them. */
const AGAIN = ["Survived", "NoCoverage"];

/** @returns digests of judged mutants but survivors, by their file and status */
export function toKeep(mutants) {
  const judged = mutants.filter(({ status }) => status !== undefined && !AGAIN.includes(status));
  const textOf = some => some.map(({ identity }) => digestOf(identity)).join(" ");
  const entries = [...Map.groupBy(judged, ({ fileName }) => pathOf(fileName))].map(([file, some]) => [
    file,
    Object.fromEntries([...Map.groupBy(some, ({ status }) => status)].map(([status, of]) => [status, textOf(of)])),
  ]);
  return Object.fromEntries(entries);
}

/** @returns statuses by digest */
export const readKept = kept =>
  new Map(
    Object.values(kept).flatMap(byStatus =>
      Object.entries(byStatus).flatMap(([status, text]) => text.split(" ").map(digest => [digest, status])),
    ),
  );
