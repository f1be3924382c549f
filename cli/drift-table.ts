/** The drift of a second data set → a table, the largest drift first. */
import type { ColumnStats } from "../runtime/etl/column-stats.js";
import type { Drift } from "../runtime/etl/drift.js";
import type { Absent } from "../runtime/etl/drift-categories.js";
import type { DataStats } from "../runtime/etl/stats.js";
import { nullsText, short } from "../runtime/etl/stats-page.js";
import { printTable } from "./print-table.js";

const number = (value: number): string => short(value, 4);
const percent = (share: number): string => `${Number((100 * share).toPrecision(3))} %`;

/** One value if both print alike. */
function change(a: number | undefined, b: number | undefined, print = number): string {
  return a === undefined || b === undefined ? "" : changeOfText(print(a), print(b));
}

const changeOfText = (a: string, b: string): string => (a === b ? a : `${a} → ${b}`);

/** Control characters and great lengths do not reach a terminal. */
const clean = (value: string): string => value.replaceAll(/\p{C}/gu, "�").slice(0, 40);

const absent = ({ values, share, top: [first] }: Absent): string =>
  first ? `${number(values)} (${percent(share)}): ${clean(first.value)}${values > 1 ? ", …" : ""}` : "0";

const HEAD = ["column", "type", "drift", "PSI", "KS", "nulls", "mean", "std", "median"];

/** @throws never: `stats` has a second set */
export function driftTable({ name, rows, columns, against, drift, onlyIn }: DataStats): string {
  const [first, second] = [byName(columns), byName(against!.columns)];
  const found = drift!.map(one => ({ one, a: first.get(one.name)!, b: second.get(one.name)! }));
  const optional: readonly (readonly [string, (of: (typeof found)[number]) => string])[] = [
    ["length", ({ a, b, one }) => (one.lengths ? change(a.lengths?.mean, b.lengths?.mean) : "")],
    ["unknown", ({ one }) => change(one.categories?.unknown?.[0], one.categories?.unknown?.[1], percent)],
    ["new values", ({ one }) => (one.categories ? absent(one.categories.added) : "")],
    ["lost values", ({ one }) => (one.categories ? absent(one.categories.lost) : "")],
  ];
  const shown = optional.filter(([, print]) => found.some(of => print(of) !== ""));
  const body = found.map(of => [
    clean(of.one.name),
    of.a.type === of.b.type ? of.a.type : `${of.a.type} → ${of.b.type}`,
    of.one.verdict,
    psiText(of.one),
    of.one.ks?.toFixed(3) ?? "",
    changeOfText(nullsText(of.a, rows), nullsText(of.b, against!.rows)),
    // Means of ids say nothing.
    ...(of.one.categories ? ["", "", ""] : numbers(of.a, of.b)),
    ...shown.map(([, print]) => print(of)),
  ]);
  const table = body.length > 0 ? `\n${printTable([[...HEAD, ...shown.map(([title]) => title)], ...body])}` : "";
  const lone = ([set, names]: readonly [string, readonly string[]]): string =>
    names.length > 0 ? `Only in ${set}: ${names.map(clean).join(", ")}\n` : "";
  const rest = [lone([name, onlyIn!.first]), lone([against!.name, onlyIn!.second])].join("");
  return `${name}: ${number(rows)} rows → ${against!.name}: ${number(against!.rows)} rows\n${table}${rest === "" ? "" : `\n${rest}`}`;
}

const byName = (columns: readonly ColumnStats[]): ReadonlyMap<string, ColumnStats> =>
  new Map(columns.map(column => [column.name, column]));

const numbers = (a: ColumnStats, b: ColumnStats): readonly string[] => [
  change(a.mean, b.mean),
  change(a.std, b.std),
  change(a.quantiles?.[3], b.quantiles?.[3]),
];

function psiText({ psi, lengths }: Drift): string {
  if (psi === undefined) return "";
  return lengths && lengths.psi > psi ? `${psi.toFixed(3)} (lengths ${lengths.psi.toFixed(3)})` : psi.toFixed(3);
}
