/**
 * Headers of a request that a pattern picks → string parameters of the inference request.
 */
import { invalid } from "../../base/errors.js";
import type { Parameter } from "../../base/tensor.js";
import { compilePattern, type Pattern } from "./user-pattern.js";

/** Parameters that steer the server. */
const RESERVED: readonly string[] =
  "sequence_id sequence_start sequence_end priority timeout headers binary_data_output".split(" ");

/**
 * Adds what the pattern matches; a header wins over a parameter of the same name.
 * @param pattern undefined forwards nothing
 * @throws RuntimeFault for a header whose name is that of a parameter of Triton's own
 */
export function withHeaders(
  parameters: ReadonlyMap<string, Parameter>,
  headers: () => Iterable<readonly [string, string]>,
  pattern: Pattern | undefined,
): ReadonlyMap<string, Parameter> {
  if (!pattern) return parameters;
  const merged = new Map(parameters);
  for (const [name, value] of headers()) {
    if (name.startsWith(":") || !pattern.test(name)) continue;
    if (RESERVED.includes(name) || name.startsWith("triton_"))
      throw invalid(`Header '${name}' is reserved for Triton usage and cannot be forwarded.`);
    merged.set(name, value);
  }
  return merged;
}

/**
 * The pattern of `--http-header-forward-pattern` or `--grpc-header-forward-pattern`: it matches whole names in any case. A pattern that RE2 refuses
 * forwards nothing, as in Triton, and is reported.
 */
export async function headerPattern(text: string, report: (fault: string) => void): Promise<Pattern | undefined> {
  if (text === "") return undefined;
  try {
    return await compilePattern(text, { anyCase: true });
  } catch (error) {
    report(
      `header forward pattern '${text}' is not a regular expression of RE2, so no header is forwarded: ${(error as Error).message}`,
    );
    return undefined;
  }
}
