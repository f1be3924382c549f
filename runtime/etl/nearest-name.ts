/** A name nobody has and the names there are -> ` Did you mean …` when one is close, else nothing. */
export function didYouMean(wanted: string, names: Iterable<string>): string {
  let best: string | undefined;
  // Short names differ by little from anything.
  let least = (wanted.length < 3 ? 0 : Math.ceil(wanted.length / 3)) + 1;
  for (const name of names) {
    const edits = name.toLowerCase() === wanted.toLowerCase() ? 0 : distance(wanted, name);
    if (edits < least) [best, least] = [name, edits];
  }
  return best === undefined ? "" : ` Did you mean \`${best}\`?`;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}
