/** Text as one word of a shell, in single quotes. POSIX shells and zsh interpret only a quote inside them; fish also interprets a backslash. */

export const posixWord = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export const fishWord = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
