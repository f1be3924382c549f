/** Columns of a log → the features of a fitted reward model: numbers that are known of a candidate before it is shown. */

import { isExposureColumn, isJoinedColumn } from "../../../contract/exposures.js";
import { invalid } from "../../base/errors.js";
import type { Database } from "../../etl/database.js";
import type { LogColumns } from "../log-columns.js";

export const MOST_FEATURES = 64;

/** A feature of the table `logged`, which has it as column `m0`, `m1`, … */
export interface Feature {
  readonly name: string;
  readonly column: string;
  /** The mean of shown rows, and their deviation. A value becomes (value − mean) / deviation, and 0 if it is missing. */
  readonly mean: number;
  readonly deviation: number;
}

/**
 * @param types of all columns of the log, by name @param isNumber whether a type is one of numbers
 * @returns names of the columns that the model may use @throws RuntimeFault for a column that the caller names and that is not there
 */
export function featureColumns(
  types: ReadonlyMap<string, string>,
  columns: LogColumns,
  isNumber: (type: string) => boolean,
): readonly string[] {
  const { fitRewards } = columns;
  if (!fitRewards) return [];
  for (const name of fitRewards.columns) {
    if (outcomes(columns).has(name) || isJoinedColumn(name))
      throw invalid(
        `column \`${name}\` is known after the response alone. Name features of the candidates with \`--fit-rewards\`.`,
      );
    if (!isNumber(types.get(name)!))
      throw invalid(
        `column \`${name}\` is ${types.get(name)}, and a reward model is fitted on numbers. Leave it out of \`--fit-rewards\`.`,
      );
  }
  const given = fitRewards.columns;
  const used =
    given.length > 0 ? given : [...types.keys()].filter(name => isNumber(types.get(name)!) && isFeature(name, columns));
  if (used.length > MOST_FEATURES)
    throw invalid(
      `the log has ${used.length} columns of numbers, and a reward model is fitted on at most ${MOST_FEATURES}. Name them with \`--fit-rewards\`.`,
    );
  return used;
}

const outcomes = ({
  reward,
  predicted,
  marginalPolicy,
  marginalPropensity,
  policy,
}: LogColumns): ReadonlySet<string | undefined> =>
  new Set([
    reward,
    predicted,
    marginalPolicy,
    marginalPropensity,
    ...(policy.kind === "column" ? [policy.column] : []),
  ]);

const isFeature = (name: string, columns: LogColumns): boolean =>
  !(outcomes(columns).has(name) || isJoinedColumn(name) || (isExposureColumn(name) && name.toLowerCase() !== "score"));

/**
 * Leaves out columns that are constant or missing for the shown rows, and those that only shown rows have. Such a column may be known after
 * the response alone.
 * @param names of the columns `m0`, `m1`, … of the table `logged`
 */
export async function usableFeatures(database: Database, names: readonly string[]): Promise<readonly Feature[]> {
  if (names.length === 0) return [];
  const [row] = await database.rows(
    `SELECT count(*) FILTER (position IS NULL)::DOUBLE, ${names
      .map((_, i) => {
        const shown = "FILTER (position IS NOT NULL)";
        return `avg(m${i}) ${shown}, stddev_pop(m${i}) ${shown}, (count(m${i}) FILTER (position IS NULL))::DOUBLE`;
      })
      .join(", ")} FROM logged`,
    "describing the features",
  );
  const [others, ...found] = row!.map(value => (value === null ? Number.NaN : Number(value)));
  return names.flatMap((name, i): Feature[] => {
    // Sums of threads differ in their last digits, and the scale of a feature does not need these.
    const [mean, deviation, known] = [Math.fround(found[3 * i]!), Math.fround(found[3 * i + 1]!), found[3 * i + 2]!];
    const isVarying = deviation > 1e-6 * Math.abs(mean) && Number.isFinite(deviation);
    return isVarying && (others === 0 || known > 0) ? [{ name, column: `m${i}`, mean, deviation }] : [];
  });
}
