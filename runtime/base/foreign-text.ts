/** A text of another program, such as an error or a reply of a server, in a message of ours. */

const LONGEST = 300;

/** One line without control characters, cut after 300 characters. */
export function foreignText(text: string): string {
  const line = text
    .slice(0, 4 * LONGEST)
    .trim()
    .replaceAll(/[\p{Cc}\p{Z}]+/gu, " ");
  return line.length <= LONGEST && text.length <= 4 * LONGEST ? line : `${line.slice(0, LONGEST)}…`;
}
