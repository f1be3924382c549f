import { editDistance } from "../../contract/edit-distance.js";

/** An unknown name and the known ones → ` Did you mean …` if one is close, else nothing. */
export function didYouMean(wanted: string, names: Iterable<string>): string {
  let best: string | undefined;
  // Short names differ by little from anything.
  let least = (wanted.length < 3 ? 0 : Math.ceil(wanted.length / 3)) + 1;
  for (const name of names) {
    const edits = name.toLowerCase() === wanted.toLowerCase() ? 0 : editDistance(wanted, name);
    if (edits < least) [best, least] = [name, edits];
  }
  return best === undefined ? "" : ` Did you mean \`${best}\`?`;
}
