/**
 * Headers of a request that a pattern picks → string parameters of the inference request.
 */
import { RuntimeFault } from "../errors.js";
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

/** What follows `--http-header-forward-pattern`: it matches whole names, without case. @throws RuntimeFault */
export function headerPattern(text: string): RegExp | undefined {
  if (text === "") return undefined;
  try {
    return new RegExp(`^(?:${text})$`, "i");
  } catch (error) {
    throw new RuntimeFault("INVALID_ARGUMENT", `header forward pattern '${text}' is no regular expression`, {
      cause: error,
    });
  }
}
