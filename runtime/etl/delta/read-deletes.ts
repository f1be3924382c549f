/** A file of ids to delete → the ids: text with one per line, or a Parquet or Arrow file with a column of them. */
import { FILE_LIMITS, readRegularSync } from "../../../contract/files/read-regular.js";
import { column } from "../../../contract/schema.js";
import type { DeltaHeader } from "../../../formats/delta/delta-file.js";
import type { DeltaIds } from "../../../formats/delta/delta-rows.js";
import { invalid } from "../../base/errors.js";
import { formatOf } from "../data-formats.js";
import { openData } from "../data-source.js";
import type { Database } from "../database.js";

/** @throws RuntimeFault naming file and line */
export async function readDeletes(
  database: Database,
  file: string,
  id: string,
  { ids }: Pick<DeltaHeader, "ids">,
): Promise<DeltaIds> {
  const format = formatOf(file);
  if (format !== "parquet" && format !== "arrow") return readLines(file, ids);
  const source = await openData(database, { files: [file], format }, [column(id, ids)], [], true);
  const result = await database.connection.stream(`SELECT ${source.expressions[0]} FROM ${source.relation}`);
  const found: (bigint | string)[] = [];
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
    for (const key of chunk.getColumnValues(0)) {
      if (key === null) throw invalid(`${file}, row ${found.length} (from 0): \`${id}\` is null.`);
      found.push(key as bigint | string);
    }
  return ids === "int64" ? BigInt64Array.from(found as bigint[]) : (found as string[]);
}

function readLines(file: string, ids: DeltaHeader["ids"]): DeltaIds {
  const lines = readRegularSync(file, FILE_LIMITS.data).toString("utf8").split("\n");
  const found: string[] = [];
  lines.forEach((text, i) => {
    const line = text.trim();
    if (line === "") return;
    if (ids === "int64" && (!/^-?\d{1,19}$/.test(line) || BigInt.asIntN(64, BigInt(line)) !== BigInt(line)))
      throw invalid(
        `${file}, line ${i + 1}: ${JSON.stringify(line.slice(0, 80))} is not an id of this index, whose ids are int64. Write one per line.`,
      );
    found.push(line);
  });
  return ids === "int64" ? BigInt64Array.from(found, BigInt) : found;
}
