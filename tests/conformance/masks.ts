/**
 * Compares an answer with a recorded one under the records' masks: `<ns>`, `<ms>`, `<number>`, `<length>`, `<repository>`.
 */

/** Differences as `path: expected … got …`; empty when equal. */
export function differences(expected: unknown, got: unknown, path = ""): string[] {
  if (typeof expected === "string" && MASKS.has(expected)) {
    const value = Number(got);
    return expected === "<ns>" || expected === "<ms>"
      ? value > 0
        ? []
        : [`${path}: expected ${expected}, got ${JSON.stringify(got)}`]
      : [];
  }
  if (Array.isArray(expected) && Array.isArray(got) && expected.length === got.length)
    return expected.flatMap((item, i) => differences(item, got[i], `${path}[${i}]`));
  if (isRecord(expected) && isRecord(got)) {
    const keys = new Set([...Object.keys(expected), ...Object.keys(got)]);
    return [...keys].flatMap(key => differences(expected[key], got[key], `${path}.${key}`));
  }
  return Object.is(expected, got) ? [] : [`${path}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`];
}

const MASKS = new Set(["<ns>", "<ms>", "<number>", "<length>"]);
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
