/** Names and texts → their SQL, of SQLite, DuckDB and PostgreSQL alike. */

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
export const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
