/** `a, b,c` -> `["a", "b", "c"]`: how options take several column names. */
export const names = (value: string): string[] =>
  value
    .split(",")
    .map(name => name.trim())
    .filter(Boolean);
