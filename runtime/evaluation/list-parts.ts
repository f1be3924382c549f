/** Lists in parts, so that memory does not grow with the number of candidates. */

/** Candidates that are read at once, at least those of one list; fewer if a plan runs on them. */
export const [ROWS, REPLAYED_ROWS] = [2 ** 17, 2 ** 13];

/** Ranges of lists that have about `most` candidates. */
export function* parts(sizes: Int32Array, most: number): Generator<{ readonly from: number; readonly to: number }> {
  for (let from = 0; from < sizes.length; ) {
    let to = from + 1;
    for (let rows = sizes[from]!; to < sizes.length && rows + sizes[to]! <= most; to++) rows += sizes[to]!;
    yield { from, to };
    from = to;
  }
}
