/** A value at fault → its file and row, found by reading the files again, one by one. Successful work has no cost for it. */
import type { Database } from "../database.js";

/** A text of data in a message: quoted, and cut. */
export const shown = (value: unknown): string =>
  value === null ? "null" : JSON.stringify(String(value).slice(0, 100));

export interface FoundRow {
  readonly file: string;
  /** From 0. */
  readonly row: number;
  readonly value: string | null;
}

/**
 * @param relationOf SQL of a file
 * @param condition SQL that holds for the row
 * @param value SQL of the value that the message shows
 */
export async function findRow(
  database: Database,
  files: readonly string[],
  relationOf: (file: string) => Promise<string>,
  condition: string,
  value: string,
): Promise<FoundRow | undefined> {
  for (const file of files) {
    const numbered = `SELECT *, row_number() OVER () - 1 AS "merlon row" FROM ${await relationOf(file)}`;
    const [found] = await database.rows(
      `SELECT "merlon row"::DOUBLE, CAST(${value} AS VARCHAR) FROM (${numbered}) WHERE ${condition} ORDER BY 1 LIMIT 1`,
      `reading \`${file}\``,
    );
    if (found) return { file, row: Number(found[0]), value: found[1] === null ? null : String(found[1]) };
  }
  return undefined;
}
