/** Names that look like a wrong one. */
import { editDistance } from "../../contract/edit-distance.js";

/** Names that are further away than the nearest by this distance are left out. */
const FURTHER = 2;

/** Names near to a wrong one, closest first; at most three. */
export function nearNames(wrong: string, names: Iterable<string>): string[] {
  const limit = Math.max(1, Math.floor(wrong.length / 3));
  const lower = wrong.toLowerCase();
  return [...new Set(names)]
    .map(name => ({ name, distance: editDistance(lower, name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= limit || name.toLowerCase().includes(lower) || isPrefixed(lower, name))
    .sort((a, b) => a.distance - b.distance)
    .filter(({ distance }, _, [best]) => distance <= best!.distance + FURTHER)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** `user_features__age` for `age`: a name with the prefix of another form or place. */
const isPrefixed = (lower: string, name: string): boolean => name !== "" && lower.endsWith(`_${name.toLowerCase()}`);

/** ` Did you mean \`price\`?`, or nothing. */
export const didYouMean = (wrong: string, names: Iterable<string>): string => anyOf(nearNames(wrong, names));

/** The question after one of these names, or nothing. */
export const anyOf = (names: readonly string[]): string =>
  names.length > 0 ? ` Did you mean ${names.map(name => `\`${name}\``).join(" or ")}?` : "";
