/** All ordered lists of k of n places. */
export function orderedLists(n: number, k: number): number[][] {
  if (k === 0) return [[]];
  return orderedLists(n, k - 1).flatMap(list =>
    Array.from({ length: n }, (_, i) => i)
      .filter(i => !list.includes(i))
      .map(i => [...list, i]),
  );
}
