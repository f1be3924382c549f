/** The golden rows of a fit: picked from the data beside the first statistics, and written when the plan is fitted. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FittedPlan } from "../../contract/plan.js";
import type { ColumnSchema } from "../../contract/schema.js";
import { GOLDEN_FILE, printGolden } from "../engine/golden/golden-rows.js";
import type { ConnectionPool } from "./connection-pool.js";
import type { DataSource } from "./data-source.js";
import type { Database } from "./database.js";
import { openLookups } from "./lookups.js";
import { makeGolden, pickRows } from "./make-golden.js";

/** Rows at the front of the data that golden rows are taken from: for more, all of it would have to be read once more. */
export const FRONT = 50_000;

export interface FitGolden {
  /** Takes the rows. The first call does the work. */
  pick(): Promise<void>;
  /** Takes the rows, if that is not done, and writes their results to the fitted folder. */
  write(plan: FittedPlan): Promise<void>;
}

interface Fitting {
  readonly database: Database;
  readonly pool: ConnectionPool;
  readonly source: DataSource;
  readonly columns: readonly ColumnSchema[];
  readonly folder: string;
  readonly wanted: number;
  /** Name of a view in DuckDB that begins with the data's first rows. */
  readonly front: () => Promise<string>;
  /** The view has all rows of the source, in the columns of a fit's lowest view. */
  readonly isWhole: boolean;
}

export function openGolden({ database, pool, source, columns, folder, wanted, front, isWhole }: Fitting): FitGolden {
  const work = async () => {
    const base = await front();
    const known = isWhole ? { rows: source.rows, number: isNumbered(source) ? "r0" : undefined } : {};
    await pool.run(one => pickRows(one, base, { wanted, read: columns, front: FRONT, ...known }));
  };
  let picked: Promise<void> | undefined;
  const pick = () => (picked ??= work());
  return {
    pick,
    async write(plan) {
      await pick();
      // A few rows need a few values of each vocabulary.
      const few = openLookups(database, folder, "few rows");
      const golden = await makeGolden(database, few, plan, columns, source.dictionaries);
      await writeFile(join(folder, GOLDEN_FILE), printGolden(golden));
    },
  };
}

/** Whether the lowest view's `r0` counts all rows. */
const isNumbered = ({ format, place }: DataSource): boolean =>
  format !== "parquet" || (place.length === 1 && place[0] === "file_row_number");
