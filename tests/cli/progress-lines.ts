/** The lines of progress that a command writes to stderr every two seconds: on a loaded machine short work has them too. */
const PROGRESS = /^[^\n]+: \d+(?:\/\d+)? rows, [\d,]+ rows\/s(?:, \d+ (?:s|min) left)?\n/gm;

export const withoutProgress = (stderr: string): string => stderr.replaceAll(PROGRESS, "");
