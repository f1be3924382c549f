/**
 * Verbatim slices: which runs of the rewritten text are runs of the author's text, and how offsets map both ways.
 */

/** `length` characters at `source` in the author's text and at `target` in the rewritten one. */
export interface Span {
  readonly source: number;
  readonly target: number;
  readonly length: number;
}

/** A half-open range of characters. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Rewritten offset → author's offset; undefined inside glue. */
export const toSource = (spans: readonly Span[], target: number): number | undefined =>
  map(spans, target, "target", "source");

/** Author's offset → rewritten offset; undefined where an operator was replaced. */
export const toTarget = (spans: readonly Span[], source: number): number | undefined =>
  map(spans, source, "source", "target");

/**
 * Rewritten range → author's range. Both ends are moved inwards to the nearest verbatim character, so that a range that starts at
 * glue (`$chain(`) lands on the operand behind it. Undefined when the range is glue alone.
 */
export function toSourceRange(spans: readonly Span[], target: Range): Range | undefined {
  const first = spans.find(s => s.target + s.length > target.start);
  const last = spans.findLast(s => s.target < target.end);
  if (!first || !last) return undefined;
  const start = first.source + Math.max(0, target.start - first.target);
  const end = last.source + Math.min(last.length, target.end - last.target);
  return start < end ? { start, end } : undefined;
}

function map(
  spans: readonly Span[],
  offset: number,
  from: "source" | "target",
  to: "source" | "target",
): number | undefined {
  let low = 0;
  let high = spans.length - 1;
  while (low <= high) {
    const mid = (low + high) >> 1;
    const span = spans[mid]!;
    if (offset < span[from]) high = mid - 1;
    else if (offset >= span[from] + span.length) low = mid + 1;
    else return span[to] + (offset - span[from]);
  }
  return undefined;
}
