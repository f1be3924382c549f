/**
 * Compares answers and log lines with recorded ones under the masks: `<ms>`, `<ns>`, `<varies>`, `<address>`; file names and line
 * numbers of the log's heads are not compared, and lines that libraries print beside Triton's log are left out.
 */
export function differences(expected: unknown, got: unknown, path: string): string[] {
  if (expected === "<varies>") return [];
  if (expected === "<ms>" || expected === "<ns>")
    return typeof got === "number" && got > 0 ? [] : [`${path}: expected a time, got ${JSON.stringify(got)}`];
  if (Array.isArray(expected) && Array.isArray(got) && expected.length === got.length)
    return expected.flatMap((item, i) => differences(item, got[i], `${path}[${i}]`));
  if (isRecord(expected) && isRecord(got))
    return [...new Set([...Object.keys(expected), ...Object.keys(got)])].flatMap(key =>
      differences(expected[key], got[key], `${path}.${key}`),
    );
  if (typeof expected === "string" && typeof got === "string" && bare(expected) === bare(got)) return [];
  return Object.is(expected, got) ? [] : [`${path}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`];
}

/**
 * ONNX Runtime's wording carries its build's source lines: only its number is compared. Where a model raised an error depends on its file.
 * Versions that fail together are reported as they end.
 */
const bare = (text: string): string =>
  sortVersions(text.replace(/(onnx runtime error \d+: )[^;]*/g, "$1…").replace(/(\nAt:)(?:\n {2}[^\n;]*)+/g, "$1…"));

const sortVersions = (text: string): string => {
  const parts = text.match(/version \d+ is at UNAVAILABLE state: [^;]*;/g) ?? [];
  return parts.length > 1 ? `${text.slice(0, text.indexOf(parts[0]!))}${parts.toSorted().join("")}` : text;
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A line of the log → level and text, or nothing for a line that is not the server's. */
export function logLine(line: string): string | undefined {
  const head =
    /^(?<level>[WE])(?:\d{4} [\d:.]+ \d+|<time> <pid>)? ?\S+?\] (?<text>.*)$/s.exec(line) ??
    /^\[libprotobuf (?<level>E)RROR \S+\] (?<text>.*)$/s.exec(line);
  if (!head?.groups) return undefined;
  const { level, text } = head.groups;
  return bare(`${level} ${text!.startsWith('"') ? unquote(text!) : text}`);
}

function unquote(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    return text;
  }
}

/** Said once a poll, and how many polls a step sees is a matter of milliseconds. Lines about pinned memory are those of a build without it. */
const distinct = (lines: readonly string[]): string[] =>
  lines.filter((line, i) => lines.indexOf(line) === i && !line.startsWith("W failed to allocate pinned system memory"));

/** @param free lines of models that load at the same time come in any order */
export function logDifferences(expected: readonly string[], got: readonly string[], free: boolean): string[] {
  if (expected.includes("<varies>")) return [];
  const wanted = distinct(expected.flatMap(line => logLine(line) ?? []));
  const seen = distinct(got.flatMap(line => logLine(line.replace(/\n$/, "")) ?? []));
  if (free) {
    wanted.sort();
    seen.sort();
  }
  const rows = Math.max(wanted.length, seen.length);
  for (let i = 0; i < rows; i++)
    if (wanted[i] !== seen[i])
      return [`log line ${i}: expected ${JSON.stringify(wanted[i])}, got ${JSON.stringify(seen[i])}`];
  return [];
}
