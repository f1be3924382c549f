/**
 * `--no-color`, at any place before `--`, is `NO_COLOR` for this process and for those that it starts, such as the project's `tsc`.
 */

/** @param env is changed @returns the words without the flag */
export function takeNoColor(words: readonly string[], env: Record<string, string | undefined>): string[] {
  const end = words.includes("--") ? words.indexOf("--") : words.length;
  const kept = words.filter((word, i) => word !== "--no-color" || i > end);
  if (kept.length < words.length) {
    env.NO_COLOR = "1";
    // It would count more, in Node too.
    delete env.FORCE_COLOR;
  }
  return kept;
}
