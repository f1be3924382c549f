/** `merlon verify MODEL --exposures LOG`: the logged columns that the model would make otherwise today, as a report. */
import { InvalidArgumentError } from "commander";
import type { ColumnDrift } from "../runtime/evaluation/skew/differences.js";
import type { VerifiedExposures, VerifyExposuresOptions } from "../runtime/evaluation/skew/verify-exposures.js";
import { numberLike } from "./numbers.js";
import { printTable } from "./print-table.js";

/** `user_features=history/*.parquet`, repeated; files of one view add up. */
export function readHistory(
  text: string,
  before: ReadonlyMap<string, readonly string[]> = new Map(),
): ReadonlyMap<string, readonly string[]> {
  const at = text.indexOf("=");
  const [view, files] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || files === "") throw new InvalidArgumentError("A view and its files are expected, such as VIEW=FILES.");
  return new Map([...before, [view, [...(before.get(view) ?? []), files]]]);
}

export const readTolerance = numberLike(
  /^[\d.]+(e-?\d+)?$/i,
  "A relative tolerance from 0 to below 1 is expected, such as 1e-5.",
  value => value >= 0 && value < 1,
);

/** Sets the exit status to 1 if a column differs. */
export async function verifyLog(
  model: string,
  data: readonly string[],
  { json, ...options }: VerifyExposuresOptions & { readonly json: boolean },
): Promise<void> {
  const { verifyExposures } = await import("../runtime/evaluation/skew/verify-exposures.js");
  const found = await verifyExposures(model, data, options);
  process.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : report(model, found));
  if (!found.drift) return;
  process.exitCode = 1;
  process.stderr.write(`✘ ${model}: ${sentence(found.drift)}${others(found)}.\n`);
}

/** Control characters and great lengths do not reach a terminal. */
const clean = (text: string, most = 80): string => text.replaceAll(/\p{C}/gu, "�").slice(0, most);
const count = (n: number): string => n.toLocaleString("en-US");
const cell = (value: unknown): string => clean(JSON.stringify(value) ?? "null");

function sentence({ column, step, op, by, first, drifted, compared }: ColumnDrift): string {
  const place = `request ${cell(first!.request)}, row ${first!.row}, item ${clean(first!.item)}`;
  const now = by === "history" ? "in the history" : "recomputed";
  return `column \`${clean(column)}\` of step \`${clean(step)}\` (${op}) differs in ${count(drifted)} of ${count(compared)} rows, first in ${place}: ${cell(first!.logged)} logged, ${cell(first!.expected)} ${now}`;
}

/** The other columns that differ. */
function others({ columns, drift }: VerifiedExposures): string {
  const all = columns.filter(one => one.drifted > 0 && one !== drift);
  const named = all.map(({ column, drifted }) => `\`${clean(column)}\` in ${count(drifted)} rows`);
  return named.length === 0
    ? ""
    : `. ${named.length === 1 ? "Another column differs" : "Others differ"}: ${named.join(", ")}`;
}

function report(model: string, found: VerifiedExposures): string {
  const { rows, compared, columns, notChecked, otherPlans, otherArtefacts, drift } = found;
  const head = `${drift ? "✘" : "✔"} ${model}: ${count(compared)} of ${count(rows)} rows compared\n`;
  const table = printTable([
    ["column", "step", "compared with", "rows", "differ", "largest"],
    ...columns.map(one => [
      clean(one.column),
      clean(one.step),
      one.by === "history" ? "history" : "a new run",
      count(one.compared),
      count(one.drifted),
      one.largest === undefined ? "" : String(Number(one.largest.toPrecision(4))),
    ]),
  ]);
  const skipped = notChecked.map(({ column, reason }) => `  ${clean(column)}: ${clean(reason, 300)}\n`).join("");
  const doubts = [
    ...otherPlans.map(
      one => `${count(one.rows)} rows are of plan \`${clean(one.plan)}\` (version ${clean(one.version)}), another one`,
    ),
    ...otherArtefacts.map(
      ({ name, logged, now }) => `\`${clean(name)}\` was \`${clean(logged)}\` in the log, and is \`${now}\``,
    ),
  ];
  const notes = doubts.map(doubt => `  ! ${doubt}.\n`).join("");
  return `${head}${notes}\n${table}${skipped === "" ? "" : `\nNot compared:\n${skipped}`}`;
}
