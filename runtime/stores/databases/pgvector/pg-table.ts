/** The table of a store: its columns as PostgreSQL has them, compared with the store's file. */
import type { Pool, PoolClient } from "pg";
import type { AttributeDType, PgvectorStore } from "../../../../formats/vectors/vector-store.js";
import { refuses } from "../refusals.js";
import { quoted } from "./pg-filter.js";

/** Iterative scans, which searches with a condition need. */
const LEAST_VERSION = [0, 8] as const;

/** Types of columns that an attribute may have; the first is that of a table we make. */
export const COLUMN_TYPES: Readonly<Record<AttributeDType, readonly [string, ...string[]]>> = {
  int32: ["integer", "smallint"],
  int64: ["bigint", "integer", "smallint"],
  float32: ["real"],
  float64: ["double precision", "real"],
  bool: ["boolean"],
  string: ["text", "character varying"],
};

export const vectorType = ({ precision, dimension }: Pick<PgvectorStore, "precision" | "dimension">): string =>
  `${precision === "half" ? "halfvec" : "vector"}(${dimension})`;

export const idType = ({ ids }: Pick<PgvectorStore, "ids">): "bigint" | "text" =>
  ids === "string" ? "text" : "bigint";

/** @returns undefined where there is no table @throws RuntimeFault for one that differs from the file */
export async function checkTable(
  pool: Pool | PoolClient,
  store: PgvectorStore,
  where: string,
): Promise<{ readonly version: string } | undefined> {
  const refuse = refuses(where);
  const extension = await pool.query<{ version: string }>(
    "SELECT extversion AS version FROM pg_extension WHERE extname = 'vector'",
  );
  const version = extension.rows[0]?.version;
  if (version === undefined)
    throw refuse("the database has no extension `vector`", "Run `CREATE EXTENSION vector` in it.");
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < LEAST_VERSION[0] || (major === LEAST_VERSION[0] && minor < LEAST_VERSION[1]))
    throw refuse(
      `its extension \`vector\` is ${version}, and searches with conditions need 0.8`,
      "Install a newer pgvector, then run `ALTER EXTENSION vector UPDATE`.",
    );
  const { rows } = await pool.query<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
     WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`,
    [quoted(store.table)],
  );
  if (rows.length === 0) return undefined;
  const types = new Map(rows.map(({ name, type }) => [name, type]));
  const need = (name: string, wanted: readonly string[], field: string): void => {
    const type = types.get(name);
    if (type === undefined)
      throw refuse(
        `table \`${store.table}\` has no column \`${name}\``,
        `Correct \`${field}\`: its columns are ${[...types.keys()].map(n => `\`${n}\``).join(", ")}.`,
      );
    // `character varying(20)`, but the dimension of a vector counts.
    if (!wanted.includes(type) && !wanted.includes(type.replace(/^(character varying)\(\d+\)$/, "$1")))
      throw refuse(
        `column \`${name}\` of table \`${store.table}\` is ${type}, and the file says ${wanted[0]}`,
        `Correct \`${field}\`, or drop the table and load it again.`,
      );
  };
  need(store.idColumn, store.ids === "string" ? COLUMN_TYPES.string : COLUMN_TYPES.int64, "ids");
  need(store.vectorColumn, [vectorType(store)], "dimension");
  for (const [name, dtype] of Object.entries(store.attributes)) need(name, COLUMN_TYPES[dtype], "attributes");
  return { version };
}
