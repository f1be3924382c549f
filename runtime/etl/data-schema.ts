/** The schema that `merlon transform` wrote into its Parquet files. */
import type { Schema } from "../../contract/schema.js";
import { parseMerlinJson } from "../../formats/merlin-schema/merlin-schema.js";
import type { DataFiles } from "./data-source.js";
import type { Database } from "./database.js";
import { text } from "./sql/literal.js";

/** Metadata of a Parquet file: `.merlin/schema.json`, which a file of its own has not beside it. */
export const SCHEMA_KEY = "merlin.schema.json";

/** Empty for other data. @throws RuntimeFault, or Error for a schema that cannot be read */
export async function schemaOfData(database: Database, { files, format }: DataFiles): Promise<Schema> {
  if (format !== "parquet") return [];
  const [row] = await database.rows(
    `SELECT decode(value) FROM parquet_kv_metadata(${text(files[0]!)}) WHERE decode(key) = ${text(SCHEMA_KEY)}`,
    "reading the schema",
  );
  return row ? parseMerlinJson(String(row[0]), files[0]!) : [];
}
