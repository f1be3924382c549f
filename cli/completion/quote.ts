/** Text as one word of a shell: in single quotes, inside which POSIX shells and zsh read nothing but a quote, and fish a backslash too. */

export const posixWord = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export const fishWord = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
