/** Rows of an exposure log → a Parquet file; and simulated rows of a policy that draws lists by score. */
import { rmSync, writeFileSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";
import { draw, repeatable } from "./worlds.js";

export type Row = Readonly<Record<string, string | number | null>>;

/** Writes a file with DuckDB. Columns that are neither in `types` nor fixed are DOUBLE. */
export async function writeRows(
  file: string,
  rows: readonly Row[],
  types: Readonly<Record<string, string>> = {},
): Promise<string> {
  const typeOf = (name: string): string => types[name] ?? TYPES[name] ?? "DOUBLE";
  const names = Object.keys(rows[0]!);
  const lines = `${file}.jsonl`;
  writeFileSync(lines, rows.map(row => JSON.stringify(row)).join("\n"));
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const texts = names.map(name => `"${name}": 'VARCHAR'`).join(", ");
  const columns = names.map(name => `"${name}"::${typeOf(name)} AS "${name}"`).join(", ");
  await connection.run(
    `COPY (SELECT ${columns} FROM read_json('${lines}', format = 'newline_delimited', columns = {${texts}}))
     TO '${file}' (FORMAT ${file.endsWith(".csv") ? "csv" : "parquet"})`,
  );
  connection.closeSync();
  instance.closeSync();
  rmSync(lines);
  return file;
}

const TYPES: Readonly<Record<string, string>> = {
  ...{ request_id: "VARCHAR", request_row: "INTEGER", item: "BIGINT", position: "INTEGER", country: "VARCHAR" },
};

/** Chance of a click by item. */
export const CLICKS = [0.1, 0.4, 0.2, 0.1, 0.05];

/**
 * Lists of `length` of five items, `batch` in a request, drawn with weights exp(score). `next_score` and `next_probability` are another policy's, with weights
 * exp(next score) too. `next_first` is its probability of the item at position 1.
 */
export function simulate(lists: number, length: number, { seed = 1, batch = 2 } = {}): Row[] {
  const random = repeatable(seed);
  return Array.from({ length: lists }, (_, r) => {
    const scores = CLICKS.map(() => 2 * random() - 1);
    const next = scores.map((score, item) => score / 2 + (item === 1 ? 1 : 0));
    const left = [...CLICKS.keys()];
    const total = (of: readonly number[]) => left.reduce((sum, item) => sum + Math.exp(of[item]!), 0);
    const firstTotal = total(next);
    const row = (item: number, shown: Row): Row => ({
      request_id: `request-${String(Math.floor(r / batch)).padStart(3, "0")}`,
      request_row: r % batch,
      item,
      ...shown,
      next_score: next[item]!,
      next_first: Math.exp(next[item]!) / firstTotal,
      predicted: CLICKS[item]! + 0.05,
      country: r % 100 ? "SE" : "NO",
    });
    const rows = Array.from({ length }, (_, k) => {
      const all = total(scores);
      const item =
        left[
          draw(
            left.map(one => Math.exp(scores[one]!)),
            random(),
          )
        ]!;
      const shown = {
        position: k + 1,
        propensity: Math.exp(scores[item]!) / all,
        next_probability: Math.exp(next[item]!) / total(next),
        reward: Number(random() < CLICKS[item]!),
      };
      left.splice(left.indexOf(item), 1);
      return row(item, shown);
    });
    const others = { position: null, propensity: null, next_probability: null, reward: null };
    return [...rows, ...left.map(item => row(item, others))];
  }).flat();
}
