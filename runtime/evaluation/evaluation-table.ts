/** An evaluation → the texts of its table, for the command line and the page. */
import type { Interval } from "./bootstrap.js";
import type { Evaluation } from "./evaluate.js";
import { printChange, printCount, printNumber, printPercent } from "./verdict.js";

/** `18,400 requests, 55,200 rows; logged reward 0.0421 per request, 95 % interval 0.0409 … 0.0433` */
export function headOf({ requests, lists, rows, logged, level }: Evaluation): string {
  const counts = lists === requests ? "" : `, ${printCount(lists)} lists`;
  const interval = logged.interval ? `, ${printLevel(level)} interval ${between(logged.interval, printNumber)}` : "";
  return `${printCount(requests)} requests${counts}, ${printCount(rows)} shown items. Logged reward: ${printNumber(logged.value)} per ${lists === requests ? "request" : "list"}${interval}`;
}

/** `Reward model: ridge regression on 2 columns (price, age), positions and items; 2 folds of requests, cross-fitted`; undefined without one */
export function modelOf({ fittedRewards }: Evaluation): string | undefined {
  if (!fittedRewards) return undefined;
  const { columns, folds } = fittedRewards;
  const named = columns.slice(0, NAMED).join(", ") + (columns.length > NAMED ? ", …" : "");
  const features = `${columns.length} ${columns.length === 1 ? "column" : "columns"}${columns.length > 0 ? ` (${named})` : ""}`;
  return `Reward model: ridge regression on ${features}, positions and items; ${folds} folds of requests, cross-fitted`;
}

const NAMED = 6;

/** A row of titles, then one of each estimate. */
export const rowsOf = ({ estimates }: Evaluation): readonly (readonly string[])[] => [
  ["estimator", "reward", "interval", "lift", "interval", ""],
  ...estimates.map(({ estimator, title, value, interval, lift, liftInterval }) => [
    estimator,
    Number.isFinite(value) ? printNumber(value) : "-",
    between(interval, printNumber),
    lift === undefined || !Number.isFinite(lift) ? "-" : printChange(lift),
    between(liftInterval, printPercent),
    title,
  ]),
];

/** `95 %` */
export const printLevel = (level: number): string => `${Number((100 * level).toPrecision(4))} %`;

const between = (interval: Interval | undefined, print: (value: number) => string): string =>
  interval ? `${print(interval.low)} … ${print(interval.high)}` : "-";
