/** Pairs of the elements at the same position of two lists; the rest of the longer one is ignored. */
export function zip<A, B>(a: readonly A[], b: readonly B[]): readonly (readonly [A, B])[] {
  const count = Math.min(a.length, b.length);
  return Array.from({ length: count }, (_, i) => [a[i] as A, b[i] as B] as const);
}

export const isNonEmpty = <T>(list: readonly T[]): list is readonly [T, ...T[]] => list.length > 0;
