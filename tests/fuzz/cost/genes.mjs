/**
 * Genomes: records of genes with a domain each → drawn, mutated and crossed by a seeded generator.
 */

/** A whole number between the bounds, drawn and changed on a logarithmic scale. */
export const size = (least, most) => ({
  draw(random) {
    // Mostly small: a genome with every gene large is slow and teaches little.
    const power = random.next() ** 2 * Math.log2(most - least + 1);
    return least + Math.floor(2 ** power) - 1;
  },
  change(value, random) {
    const factor = 2 ** (random.next() * 4 - 1.5);
    const moved = Math.round((value - least + 1) * factor) - 1 + least;
    return Math.min(most, Math.max(least, moved === value ? value + 1 : moved));
  },
});

/** One of a list; repeat an entry to draw it more often. */
export const choice = (...values) => ({
  draw: random => random.pick(values),
  change: (_, random) => random.pick(values),
});

/** A list of genomes of the same genes. */
export const several = (most, genes) => ({
  draw: random => Array.from({ length: 1 + random.below(most) }, () => draw(genes, random)),
  change(list, random) {
    const copy = list.map(one => ({ ...one }));
    const action = random.below(6);
    if (action === 0 && copy.length < most) copy.push(draw(genes, random));
    else if (action === 1 && copy.length > 1) copy.splice(random.below(copy.length), 1);
    else {
      const at = random.below(copy.length);
      copy[at] = mutate(genes, copy[at], random);
    }
    return copy;
  },
});

export const draw = (genes, random) =>
  Object.fromEntries(Object.entries(genes).map(([name, domain]) => [name, domain.draw(random)]));

/** Changes one to three genes. */
export function mutate(genes, genome, random) {
  const names = Object.keys(genes);
  const child = { ...genome };
  for (let n = 1 + random.below(3); n > 0; n--) {
    const name = random.pick(names);
    child[name] = genes[name].change(child[name], random);
  }
  return child;
}

/** Each gene from one of the two. */
export const cross = (genes, one, other, random) =>
  Object.fromEntries(Object.keys(genes).map(name => [name, random.below(2) ? one[name] : other[name]]));

/** Bytes of a request: a flaw that grows faster than its input shows at these sizes, and smaller requests are more in an hour. @param kb on the wire */
export const boundsOf = kb => ({ wire: kb * 1024, unpacked: 4 * kb * 1024 });
export const BOUNDS = boundsOf(256);
