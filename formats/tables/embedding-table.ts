/**
 * An embedding table on disk: a folder with `table.json` (count, dimension), `keys.i64` (rising int64, little-endian) and `vectors.f32`
 * (one float32 vector per key, in order).
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

export const TABLE = "table.json";
export const KEYS = "keys.i64";
export const VECTORS = "vectors.f32";

const headerSchema = z.strictObject({
  format: z.literal("merlon/embedding-table"),
  version: z.literal(1),
  count: z.number().int().min(1),
  dimension: z.number().int().min(1),
});
export type EmbeddingTable = Readonly<z.output<typeof headerSchema>>;

export const printEmbeddingTable = (count: number, dimension: number): string =>
  `${JSON.stringify({ format: "merlon/embedding-table", version: 1, count, dimension } satisfies EmbeddingTable)}\n`;

/** @throws Error naming the file, if the folder is not a complete table */
export function readEmbeddingTable(folder: string): EmbeddingTable {
  const file = join(folder, TABLE);
  const parsed = headerSchema.safeParse(JSON.parse(readFileSync(file, "utf8")));
  if (!parsed.success)
    throw new Error(`${file} is not the header of an embedding table: ${parsed.error.issues[0]!.message}`);
  const { count, dimension } = parsed.data;
  for (const [name, bytes] of [
    [KEYS, count * 8],
    [VECTORS, count * dimension * 4],
  ] as const) {
    const seen = statSync(join(folder, name)).size;
    if (seen !== bytes)
      throw new Error(
        `${join(folder, name)} has ${seen} bytes, and ${count} keys of dimension ${dimension} take ${bytes}`,
      );
  }
  return parsed.data;
}
