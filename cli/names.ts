/** `a, b,c` → `["a", "b", "c"]`: the form of several column names in an option. */
export const names = (value: string): string[] =>
  value
    .split(",")
    .map(name => name.trim())
    .filter(Boolean);
