/** JSON lines with the messages of a topic → a table with the columns of an exposure log. */

import { EXPOSURE_COLUMNS } from "../../../contract/exposures.js";
import { invalid } from "../../base/errors.js";
import type { Database } from "../database.js";
import { identifier, text, texts } from "../sql/literal.js";

/** Types that DuckDB reads into texts of JSON, and that of columns without a value. */
const READ_INTO_TEXT = /^(DATE|TIME|TIMESTAMP|UUID|JSON)/;

export const MESSAGES = "messages";

/**
 * Makes the table. A message that was sent again is a row once. Kept columns are whole numbers, floats, booleans, texts, or lists of these.
 * @throws RuntimeFault naming a file without messages of exposures
 */
export async function readMessages(database: Database, files: readonly string[]): Promise<void> {
  const reading = `reading \`${files[0]}\``;
  const from = (columns: string): string =>
    `read_json(${texts(files)}, format = 'newline_delimited', maximum_object_size = ${MOST_MESSAGE}${columns})`;
  const detected = await database.rows(
    `SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${from(", sample_size = -1, union_by_name = true")})`,
    reading,
  );
  const types = new Map(detected.map(([name, type]) => [String(name), String(type)]));
  const fixed = EXPOSURE_COLUMNS.map(({ name, type }) => {
    const found = types.get(name);
    if (found === undefined)
      throw invalid(
        `\`${files[0]}\` has no column \`${name}\`. Expected are the messages that a server sends to Kafka, one a line.`,
      );
    if (type !== "id") return [name, type] as const;
    return [name, /^U?BIGINT$/.test(found) ? "BIGINT" : "VARCHAR"] as const;
  });
  const known = new Set<string>(fixed.map(([name]) => name));
  const kept = [...types].filter(([name]) => !known.has(name)).map(([name, type]) => [name, asWritten(type)] as const);
  const columns = [...fixed, ...kept].map(([name, type]) => `${text(name)}: ${text(type)}`);
  await database.run(
    `CREATE TEMP TABLE ${identifier(MESSAGES)} AS SELECT DISTINCT * FROM ${from(`, columns = {${columns.join(", ")}}`)}`,
    reading,
  );
}

/** Above the limit of most brokers, and that of a server's messages. */
const MOST_MESSAGE = 16 * 2 ** 20;

function asWritten(type: string): string {
  if (!READ_INTO_TEXT.test(type)) return type;
  return type.endsWith("[]") ? "VARCHAR[]" : "VARCHAR";
}
