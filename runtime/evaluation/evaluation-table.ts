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
