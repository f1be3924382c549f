/** Checks of the table `logged`: each names the first row that is wrong, and a way out. */
import { invalid } from "../base/errors.js";
import type { Database } from "../etl/database.js";
import type { LogColumns } from "./log-columns.js";

interface Check {
  /** SQL condition of a wrong row. */
  readonly wrong: string;
  /** Column whose value the message shows. */
  readonly shows: string;
  readonly name: string;
  readonly otherwise: string;
}

const SHOWN = "position IS NOT NULL";
/** Probabilities are products of floats. */
const SLACK = 1 + 1e-9;
const isNoProbability = (column: string, least: string): string =>
  `(isnan(${column}) OR ${column} ${least} OR ${column} > ${SLACK})`;

/** @throws RuntimeFault */
export async function refuseOddRows(database: Database, columns: LogColumns): Promise<void> {
  const [[rows, shown]] = (await database.rows(
    `SELECT count(*)::DOUBLE, count(position)::DOUBLE FROM logged`,
    "counting the rows",
  )) as [[number, number]];
  if (rows === 0) throw invalid("the log has no rows. There is nothing to evaluate.");
  if (shown === 0)
    throw invalid(
      "no row of the log has a `position`, so no list was shown. Give the log of a server that had requests.",
    );
  for (const check of checksOf(columns)) await refuse(database, check);
  await refuseTwice(database);
  await refuseGaps(database);
}

function checksOf({ policy, reward, predicted, marginalPolicy, marginalPropensity }: LogColumns): readonly Check[] {
  const checks: Check[] = [
    {
      wrong: "request IS NULL",
      shows: "request",
      name: "request_id",
      otherwise: "every row needs the id of its request",
    },
    { wrong: "row IS NULL OR row < 0", shows: "row", name: "request_row", otherwise: "rows of a batch count from 0" },
    { wrong: "item IS NULL", shows: "item", name: "item", otherwise: "every row needs the id of its candidate" },
    { wrong: "position < 1", shows: "position", name: "position", otherwise: "positions count from 1" },
    {
      wrong: `${SHOWN} AND propensity IS NULL`,
      shows: "propensity",
      name: "propensity",
      otherwise:
        "the probability of this item was not known exactly. Log from a draw that has no cap, quota or filter behind it, or leave such requests out",
    },
    {
      wrong: `${SHOWN} AND ${isNoProbability("propensity", "<= 0")}`,
      shows: "propensity",
      name: "propensity",
      otherwise: "a shown item has a probability above 0 and up to 1",
    },
    {
      wrong: `${SHOWN} AND (reward IS NULL OR NOT isfinite(reward))`,
      shows: "reward",
      name: reward,
      otherwise: "every shown row needs a finite reward. `merlon feedback join` writes 0 for rows without an event",
    },
  ];
  if (policy.kind === "column")
    checks.push(
      {
        wrong: `${SHOWN} AND policy IS NULL`,
        shows: "policy",
        name: policy.column,
        otherwise: "every shown row needs the probability that the new policy shows this item here",
      },
      {
        wrong: isNoProbability("policy", "< 0"),
        shows: "policy",
        name: policy.column,
        otherwise: "a probability is from 0 to 1. For scores, use `--score` in place of `--policy`",
      },
    );
  if (policy.kind === "score")
    checks.push({
      wrong: "policy IS NULL OR isnan(policy)",
      shows: "policy",
      name: policy.column,
      otherwise: "every candidate needs a score",
    });
  if (predicted !== undefined)
    checks.push({
      wrong: "predicted IS NULL OR NOT isfinite(predicted)",
      shows: "predicted",
      name: predicted,
      otherwise: "every candidate needs a finite predicted reward",
    });
  for (const [name, column, least] of [
    [marginalPolicy, "marginal_policy", "< 0"],
    [marginalPropensity, "marginal_propensity", "<= 0"],
  ] as const)
    if (name !== undefined)
      checks.push({
        wrong: `${SHOWN} AND (${column} IS NULL OR ${isNoProbability(column, least)})`,
        shows: column,
        name,
        otherwise: `a probability is ${least === "< 0" ? "from" : "above"} 0 ${least === "< 0" ? "to" : "and up to"} 1`,
      });
  return checks;
}

async function refuse(database: Database, { wrong, shows, name, otherwise }: Check): Promise<void> {
  const [odd] = await database.rows(
    `SELECT ${shows}::VARCHAR, request, row::VARCHAR, item, position::VARCHAR, count(*) OVER ()::DOUBLE FROM logged WHERE ${wrong}
     ORDER BY request, row, position, item LIMIT 1`,
    `checking \`${name}\``,
  );
  if (!odd) return;
  const [value, ...place] = odd;
  const others = Number(odd[5]) > 1 ? `, and in ${(Number(odd[5]) - 1).toLocaleString("en-US")} other rows` : "";
  throw invalid(`column \`${name}\` is ${value ?? "null"} ${placeOf(place)}${others}: ${otherwise}.`);
}

/** `in request \`r1\`, row 0, item 7, position 2` */
const placeOf = ([request, row, item, position]: readonly unknown[]): string =>
  `in request \`${short(request)}\`, row ${row}, item ${short(item)}${position === null ? "" : `, position ${position}`}`;

/** Ids are text of clients: control characters and great lengths do not reach a terminal. */
const short = (text: unknown): string => {
  const clean = String(text).replaceAll(/\p{C}/gu, "�");
  return clean.length > 60 ? `${clean.slice(0, 60)}…` : clean;
};

async function refuseTwice(database: Database): Promise<void> {
  for (const [column, where] of [
    ["position", `WHERE ${SHOWN}`],
    ["item", ""],
  ] as const) {
    const [twice] = await database.rows(
      `SELECT request, row::VARCHAR, ${column}::VARCHAR FROM logged ${where} GROUP BY request, row, logged.${column} HAVING count(*) > 1
       ORDER BY 1, 2, 3 LIMIT 1`,
      "looking for duplicates",
    );
    if (twice)
      throw invalid(
        `request \`${short(twice[0])}\`, row ${twice[1]}, has ${column} ${short(twice[2])} twice. Is a file in the log twice, or was an event attributed to several rows? Give each list once.`,
      );
  }
}

async function refuseGaps(database: Database): Promise<void> {
  const [gap] = await database.rows(
    `SELECT request, row::VARCHAR, max(position)::VARCHAR, count(position)::VARCHAR FROM logged WHERE ${SHOWN} GROUP BY request, row
     HAVING max(position) <> count(position) ORDER BY 1, 2 LIMIT 1`,
    "looking for missing positions",
  );
  if (gap)
    throw invalid(
      `request \`${short(gap[0])}\`, row ${gap[1]}, has ${gap[3]} shown rows and its last position is ${gap[2]}: rows of the list are missing. Weights need the whole list.`,
    );
}
