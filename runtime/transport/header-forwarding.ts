/**
 * Headers of a request that a pattern picks → string parameters of the inference request.
 */
import type { Parameter } from "../tensor.js";

/** Adds what the pattern matches; a header wins over a parameter of the same name. @param pattern undefined forwards nothing */
export function withHeaders(
  parameters: ReadonlyMap<string, Parameter>,
  headers: () => Iterable<readonly [string, string]>,
  pattern: RegExp | undefined,
): ReadonlyMap<string, Parameter> {
  if (!pattern) return parameters;
  const merged = new Map(parameters);
  for (const [name, value] of headers()) if (!name.startsWith(":") && pattern.test(name)) merged.set(name, value);
  return merged;
}

/**
 * What follows `--http-header-forward-pattern`: it matches whole names, without case. A pattern that is no regular expression forwards
 * nothing, as Triton's, and is reported.
 */
export function headerPattern(text: string, report: (fault: string) => void): RegExp | undefined {
  if (text === "") return undefined;
  // Triton's patterns are RE2's: the flag for any case stands in front, and named groups have a P.
  const translated = text.replace(/^\(\?i\)/, "").replaceAll("(?P<", "(?<");
  try {
    return new RegExp(`^(?:${translated})$`, "i");
  } catch (error) {
    report(
      `header forward pattern '${text}' is no regular expression, so no header is forwarded: ${(error as Error).message}`,
    );
    return undefined;
  }
}
