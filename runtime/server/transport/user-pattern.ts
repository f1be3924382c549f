/**
 * Regular expressions that operators write, as Triton reads them: RE2's syntax, matched in time linear in the text.
 */

/** Matches whole texts. */
export interface Pattern {
  test(text: string): boolean;
}

/** Cached results: the same few header names are in every request. */
const KEPT = 256;
/** Longer texts are matched again each time. */
const LONGEST_KEPT = 128;

/** @param anyCase whether letters match in either case. @throws Error with RE2's reason */
export async function compilePattern(source: string, { anyCase = false } = {}): Promise<Pattern> {
  // Loaded here: few servers have a pattern, and every start would pay for the engine.
  const { RE2JS } = await import("re2js");
  const compiled = RE2JS.compile(source, anyCase ? RE2JS.CASE_INSENSITIVE : 0);
  const kept = new Map<string, boolean>();
  return {
    test(text) {
      const known = kept.get(text);
      if (known !== undefined) return known;
      const matches = compiled.testExact(text);
      if (text.length <= LONGEST_KEPT && kept.size < KEPT) kept.set(text, matches);
      return matches;
    },
  };
}
