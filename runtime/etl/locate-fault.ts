/**
 * A statement over data failed → the file, column and row of the fault, found by reading the data again, column by column. Successful work
 * has no cost for it.
 */
import { type ColumnSchema, printColumn } from "../../contract/schema.js";
import { timeUnitOf } from "../../contract/time-unit.js";
import { invalid, RuntimeFault } from "../base/errors.js";
import { csvFault } from "./csv-fault.js";
import { type DataFiles, type DataSource, openData } from "./data-source.js";
import type { Database } from "./database.js";
import { identifier } from "./sql/literal.js";

/** Messages of DuckDB that are about a value or the bytes of a file, not about room, disks or our own statements. */
const OF_DATA = /^(Conversion|Invalid Input|Out of Range|Invalid|Invalid unicode) Error/;

/** @returns the error to throw: a better one where a value of the data is at fault, else the one given */
export async function locateFault(
  database: Database,
  found: DataFiles,
  columns: readonly ColumnSchema[],
  error: unknown,
): Promise<unknown> {
  const cause = (error as Error).cause;
  if (!(error instanceof RuntimeFault) || !(cause instanceof Error) || !OF_DATA.test(cause.message)) return error;
  for (const file of found.files)
    for (const col of columns) {
      const better = await lookAt(database, { ...found, files: [file] }, col).catch((odd: Error) => {
        const row = csvFault(odd, file);
        if (row) return row;
        const where = odd.message.includes(file) ? "" : `\`${file}\`: `;
        return invalid(`${where}${odd.message}${wayOut(odd.message)}`, { cause: odd });
      });
      if (better) return better;
    }
  return error;
}

async function lookAt(database: Database, one: DataFiles, col: ColumnSchema): Promise<RuntimeFault | undefined> {
  const [file] = one.files;
  // Text is parsed as a whole: what is wrong with another column must not be laid upon this one.
  const source: DataSource = await openData(database, one, [col], [], true);
  const { relation, expressions } = source;
  const raw = identifier(col.name);
  const numbered = `SELECT row_number() OVER () - 1 AS r, ${raw} AS v, TRY(${expressions[0]}) AS made FROM ${relation}`;
  const [bad] = await database.rows(
    `SELECT r::DOUBLE, CAST(v AS VARCHAR) FROM (${numbered}) WHERE v IS NOT NULL AND made IS NULL AND CAST(v AS VARCHAR) NOT IN ('', 'nan') ORDER BY r LIMIT 1`,
    `reading column \`${col.name}\` of \`${file}\``,
  );
  if (!bad) return undefined;
  const value = String(bad[1]).slice(0, 100);
  const unit = timeUnitOf(col);
  const wanted = unit ? `a time that int64 can count in ${unit}` : printColumn(col);
  const declared = !unit && LIKE_TIME.test(value) ? 'it `"timestamp<ms>"`, if it holds times' : "its real type";
  return invalid(
    `\`${file}\`: column \`${col.name}\` holds ${JSON.stringify(value)} in row ${bad[0]}, expected ${wanted}. Declare ${declared}, or mend or leave out that row.`,
  );
}

const LIKE_TIME = /^\d{4}-\d\d-\d\d/;

const wayOut = (message: string): string =>
  /utf-?8|unicode|string encoding/i.test(message)
    ? " Write the file as UTF-8 (`iconv -f LATIN1 -t UTF-8`), or leave the row out."
    : "";
