/**
 * `--keep`: columns of the data that travel along unchanged, under their own names or others.
 */
import { invalid } from "../base/errors.js";

export interface KeptColumn {
  /** In the data. */
  readonly column: string;
  /** In the output. */
  readonly as: string;
}

/** Names, or columns with another name. */
export type Keep = readonly (string | KeptColumn)[];

/**
 * @param made names of the columns that are written anyway
 * @param maker of these, as errors name it: `the workflow makes a column`
 * @returns without repetition
 * @throws RuntimeFault naming a column whose name is taken
 */
export function keptColumns(keep: Keep, made: readonly string[], maker: string): readonly KeptColumn[] {
  const kept = new Map<string, KeptColumn>();
  for (const one of keep) {
    const { column, as } = typeof one === "string" ? { column: one, as: one } : one;
    const other = kept.get(as);
    if (made.includes(as))
      throw invalid(
        `column \`${as}\` cannot be kept: ${maker} of that name. Keep it under another one: \`--keep ${column}=NAME\`.`,
      );
    if (other && other.column !== column)
      throw invalid(`columns \`${other.column}\` and \`${column}\` cannot both be kept as \`${as}\`.`);
    kept.set(as, { column, as });
  }
  return [...kept.values()];
}
