/** Unique names. */

/**
 * @param formsOf all names derived from a name (default: the name alone)
 * @returns the name, or the first of `name_2`, `name_3`, … whose derived names are all free; they are taken from then on
 */
export type Unique = (name: string, formsOf?: (name: string) => readonly string[]) => string;

export function uniqueNames(taken: Iterable<string> = []): Unique {
  const known = new Set(taken);
  return (stem, formsOf = name => [name]) => {
    let name = stem;
    for (let n = 2; formsOf(name).some(form => known.has(form)); n++) name = `${stem}_${n}`;
    for (const form of formsOf(name)) known.add(form);
    return name;
  };
}
