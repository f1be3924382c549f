/** DuckDB's text about a row of CSV with too few or too many fields, or an unterminated quote → the row, the file, and the fix. */
import { open } from "node:fs/promises";
import { invalid, type RuntimeFault } from "../base/errors.js";
import type { Database } from "./database.js";
import { identifier, text } from "./sql/literal.js";

// Three patterns instead of one: a lazy group for the line takes quadratic time where the line has many blanks.
const HEAD = /on Line: (\d+)\s+Original Line: /;
const FIELDS = /\sExpected Number of Columns: (\d+) Found: (\d+)/;
const QUOTE = /\sValue with unterminated quote/;

/** Undefined where DuckDB's error is of something else. */
export function csvFault({ cause }: Error, file: string): RuntimeFault | undefined {
  const message = String((cause as Error | undefined)?.message);
  const head = HEAD.exec(message);
  if (!head) return undefined;
  const rest = message.slice(head.index + head[0].length);
  const tail = FIELDS.exec(rest) ?? QUOTE.exec(rest);
  if (!tail) return undefined;
  const [, wanted, seen] = tail;
  const line = rest.slice(0, tail.index).trimEnd();
  const what =
    wanted === undefined
      ? "has a quote that does not end. Double a quote that is part of a text"
      : `has ${seen} fields, and the header has ${wanted}. Quote a field that holds the delimiter`;
  return invalid(
    `\`${file}\`: line ${head[1]}, ${JSON.stringify(line.slice(0, 100))}, ${what}, or mend or leave out that line.`,
  );
}

const LONGEST_HEADER = 1_000_000;

async function firstLine(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(LONGEST_HEADER), 0, LONGEST_HEADER, 0);
    return buffer
      .toString("utf8", 0, bytesRead)
      .split(/\r?\n/, 1)[0]!
      .replace(/^\ufeff/, "");
  } finally {
    await handle.close();
  }
}

const DELIMITERS = [",", ";", "\t", "|"];

const namesBy = (header: string, delimiter: string): readonly string[] =>
  header.split(delimiter).map(name => name.replace(/^"(.*)"$/, "$1"));

/** Names in the header, by the delimiter that makes the most of them. */
export async function headerOf(file: string): Promise<readonly string[]> {
  const header = await firstLine(file);
  const [most] = DELIMITERS.map(one => namesBy(header, one)).sort((a, b) => b.length - a.length);
  return most!;
}

/**
 * A file in which no header was found, since the numbers of fields differ → the first row at fault.
 * @param wanted a column that its first line may have
 */
export async function findOddRow(database: Database, file: string, wanted: string): Promise<RuntimeFault | undefined> {
  const header = await firstLine(file);
  const delimiter = DELIMITERS.find(one => namesBy(header, one).includes(wanted));
  if (delimiter === undefined) return undefined;
  const columns = [...new Set(namesBy(header, delimiter))].map(name => `${identifier(name)}: 'VARCHAR'`).join(", ");
  const relation = `read_csv(${text(file)}, header = true, auto_detect = false, delim = ${text(delimiter)}, quote = '"', escape = '"', columns = {${columns}})`;
  return database.rows(`SELECT count(COLUMNS(*)) FROM ${relation}`, `reading \`${file}\``).then(
    () => undefined,
    (error: Error) => csvFault(error, file),
  );
}
