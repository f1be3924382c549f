/**
 * Runs a statement over stretches of a Parquet file in parallel, on one thread each, and joins their row groups in one file. A join on
 * several threads loses the order of its rows, and sorting them is a fifth of its time. On one thread it keeps the order.
 */
import { rmSync } from "node:fs";
import { growParquet } from "./append-parquet.js";
import type { ConnectionPool } from "./connection-pool.js";
import type { Database } from "./database.js";
import { text } from "./sql/literal.js";

/** Rows from one number to below another. */
export type Stretch = readonly [from: number, to: number];

/** Condition on a Parquet file's rows: all of them, unless the connection has a stretch. */
export const IN_STRETCH =
  "file_row_number >= coalesce(getvariable('merlon_from'), 0) AND file_row_number < coalesce(getvariable('merlon_to'), 9223372036854775807)";

/** Node runs four statements at a time; a machine of more cores is better used by one statement on all of them. */
const MOST_THREADS = 4;
/** Fewer rows are not worth a statement of their own. */
const FEWEST = 100_000;
/** More rows would be copied within long files when all is done. */
const MOST = 4_000_000;

/** How many statements work side by side; one where there is nothing to gain by it. */
export const workersOf = ({ threads, memory, reserved }: Database): number =>
  // Each builds tables of its own to join with. One that does not fit would be joined in pieces, and the order lost.
  threads > 1 && threads <= MOST_THREADS && reserved * threads <= memory / 8 ? threads : 1;

/** Ranges of a file's rows that end at nearby ends of row groups; one range of all if more would not help. */
export async function stretchesOf(database: Database, file: string): Promise<readonly Stretch[]> {
  const groups = await database.rows(
    `SELECT max(row_group_num_rows)::DOUBLE FROM parquet_metadata(${text(file)}) GROUP BY row_group_id ORDER BY row_group_id`,
    `reading \`${file}\``,
  );
  const ends: number[] = [0];
  for (const [rows] of groups) ends.push(ends.at(-1)! + Number(rows));
  const total = ends.at(-1)!;
  const workers = workersOf(database);
  if (workers === 1 || total < 2 * FEWEST) return [[0, total]];
  const count = Math.min(Math.floor(total / FEWEST), workers * Math.ceil(total / (workers * MOST)));
  const near = (cut: number): number => {
    const end = ends.reduce((best, at) => (Math.abs(at - cut) < Math.abs(best - cut) ? at : best));
    return Math.abs(end - cut) < total / count / 4 ? end : cut;
  };
  const cuts = Array.from({ length: count + 1 }, (_, i) => near(Math.round((total * i) / count)));
  return cuts.slice(1).map((cut, i) => [cuts[i]!, cut]);
}

/**
 * @param copy statement over rows that are `IN_STRETCH`, which writes them to a file
 * @param onFraction of all rows
 */
export async function copyInParallel(
  database: Database,
  pool: ConnectionPool,
  stretches: readonly Stretch[],
  copy: (to: string) => string,
  to: string,
  onFraction: (fraction: number) => void,
): Promise<void> {
  const { threads } = database;
  await database.setThreads(1);
  try {
    const fractions = stretches.map(() => 0);
    const write = async ([from, end]: Stretch, i: number): Promise<string> => {
      const part = i === 0 ? to : `${to}.${i}`;
      await pool.run(async engine => {
        await engine.run(`SET VARIABLE merlon_from = ${from}; SET VARIABLE merlon_to = ${end}`, "transforming");
        await engine.run(copy(part), "transforming", fraction => {
          fractions[i] = fraction;
          onFraction(fractions.reduce((sum, of) => sum + of, 0) / fractions.length);
        });
      });
      return part;
    };
    const parts = stretches.map(write);
    // All have to end, whatever becomes of one, before the connections may be closed.
    const failed = (await Promise.allSettled(parts)).find(part => part.status === "rejected");
    if (failed) throw failed.reason;
    const whole = await growParquet(await parts[0]!);
    try {
      for (const part of parts.slice(1)) {
        await whole.append(await part);
        rmSync(await part);
      }
      await whole.finish();
    } finally {
      await whole.close();
    }
  } finally {
    await database.run("RESET VARIABLE merlon_from; RESET VARIABLE merlon_to", "transforming");
    await database.setThreads(threads);
  }
}
