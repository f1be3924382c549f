/** The models that wrote a log → whether an ensemble may be replayed on it. Replay reads logged columns by name, so each name must mean one thing. */

import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { columnsAt, portsOf } from "../../contract/any-step.js";
import { expandFused } from "../../contract/expand-fused.js";
import { FILE_LIMITS, readRegular } from "../../contract/files/read-regular.js";
import { type ColumnRef, type FittedPlan, type FittedStep, parsePlan, REQUEST_STEP } from "../../contract/plan.js";
import { planId } from "../../contract/plan-id.js";
import { invalid } from "../base/errors.js";
import { originOf } from "./scoring-plan.js";

/** Rows of a log that one plan wrote. */
export interface ServedRows {
  readonly model: string;
  readonly version: string;
  /** First 16 hexadecimal digits of the SHA-256 of `plan.json`. */
  readonly plan: string;
  readonly rows: number;
}

/** A plan that was served, from the folder of its version. */
export interface ServedPlan {
  readonly version: string;
  readonly hash: string;
  readonly plan: FittedPlan;
}

/** All versions of a model. @param folder of the model in a repository @throws RuntimeFault, PlanError */
export async function readServedPlans(folder: string): Promise<readonly ServedPlan[]> {
  const model = resolve(folder);
  const versions = (existsSync(model) ? readdirSync(model) : []).filter(name => /^[1-9]\d{0,17}$/.test(name));
  const files = versions.filter(version => existsSync(join(model, version, "plan.json")));
  if (files.length === 0)
    throw invalid(
      `\`--served ${folder}\` has no \`1/plan.json\`. Name the folder of the model that was served, as \`merlon build\` wrote it.`,
    );
  return Promise.all(
    files.map(async version => {
      const file = join(model, version, "plan.json");
      const bytes = await readRegular(file, FILE_LIMITS.document);
      const hash = planId(createHash("sha256").update(bytes).digest("hex"));
      return { version, hash, plan: expandFused(parsePlan(bytes.toString(), file)) };
    }),
  );
}

/**
 * @param rows what the log says of its models; empty for rows that do not say it
 * @param plan of the ensemble to be replayed @param columns names of the logged columns that it reads
 * @param served the plans that were served, if the caller has them
 * @throws RuntimeFault naming the models, plans or columns that differ
 */
export function checkServed(
  rows: readonly ServedRows[],
  { plan, columns }: { readonly plan: FittedPlan; readonly columns: readonly string[] },
  served: readonly ServedPlan[],
): void {
  if (served.length === 0) refuseUnknown(rows, plan.name);
  else for (const one of rows) refuseOther(one, { plan, columns }, served);
}

function refuseOther(
  rows: ServedRows,
  { plan, columns }: { readonly plan: FittedPlan; readonly columns: readonly string[] },
  served: readonly ServedPlan[],
): void {
  const found = served.find(({ hash }) => hash === rows.plan);
  if (!found)
    throw invalid(
      `the log has ${printRows(rows)}, and \`--served\` has ${listed(served.map(({ hash, version }) => `\`${hash}\` (version ${version})`))}. Name the folder that has this plan, as it was served.`,
    );
  for (const name of columns) {
    const difference = firstDifference(name, found.plan, plan);
    if (difference !== undefined)
      throw invalid(
        `column \`${name}\` of the log is another one than the ensemble reads: ${difference}. Log the ensemble's own column under another name, and evaluate on that log.`,
      );
  }
}

/** Without the served plans, the names are all that can be compared. */
function refuseUnknown(rows: readonly ServedRows[], name: string): void {
  const other = rows.find(({ model }) => model !== name);
  if (other)
    throw invalid(
      `the log is of model \`${clean(other.model)}\`, and the ensemble is \`${name}\`. Logged columns are read by name, and another model may mean another thing. Compare them with \`--served FOLDER\`, the folder of \`${clean(other.model)}\` in its repository, or name the ensemble \`${clean(other.model)}\`.`,
    );
  const plans = new Map(rows.map(one => [one.plan, one]));
  if (plans.size > 1)
    throw invalid(
      `the log has rows of ${plans.size} plans: ${listed([...plans.values()].slice(0, 5).map(printRows))}. A column of one name may differ between them. Compare them with \`--served FOLDER\`, the folder of the model with these versions, or give the rows of one plan.`,
    );
}

const printRows = ({ model, version, plan, rows }: ServedRows): string =>
  `${rows.toLocaleString("en-US")} rows of plan \`${clean(plan)}\` (\`${clean(model)}\`, version ${clean(version)})`;

const listed = (texts: readonly string[]): string => new Intl.ListFormat("en", { type: "conjunction" }).format(texts);

/** Names from a file: control characters and great lengths do not reach a terminal. */
const clean = (text: string): string => text.replaceAll(/\p{C}/gu, "�").slice(0, 80);

interface Place {
  readonly ref: ColumnRef;
  readonly steps: ReadonlyMap<string, FittedStep>;
}

/**
 * A logged column in two plans → the first thing that differs in how it is made.
 * Compares operators, parameters and columns of all steps above the column. Columns and options that only one plan has are the work of
 * pruning, and are not compared. Files are compared by their paths in the programs, not by content.
 * @param name of the column in the logs of both plans; their steps are not fused
 * @returns a sentence without its full stop; undefined if nothing differs
 */
function firstDifference(name: string, served: FittedPlan, replayed: FittedPlan): string | undefined {
  const [one, other] = [served, replayed].map(plan => placeOf(name, plan)) as [Place | undefined, Place | undefined];
  if (!one) return "the served plan does not log it";
  return other && difference(one, other);
}

function placeOf(name: string, { log, steps }: FittedPlan): Place | undefined {
  const ref = log?.columns.find(({ schema }) => schema.name === name)?.ref;
  return ref && { ref, steps: new Map(steps.map(step => [step.id, step])) };
}

function difference(served: Place, replayed: Place): string | undefined {
  const [one, other] = [originOf(served.ref, served.steps), originOf(replayed.ref, replayed.steps)];
  const [step, twin] = [served.steps.get(one.step), replayed.steps.get(other.step)];
  const both = (a: string, b: string): string => `it is ${a} in the served plan, and ${b} in the ensemble`;
  if (one.column !== other.column || step?.op !== twin?.op) return both(print(one, step), print(other, twin));
  if (!step || !twin) return undefined;
  const option = differentOption(step.params, twin.params);
  if (option !== undefined)
    return both(
      `${print(one, step)} with ${printOption(option, step)}`,
      `${print(other, twin)} with ${printOption(option, twin)}`,
    );
  for (const port of portsOf(step)) {
    const [reads, others] = [columnsAt(step, port) ?? [], columnsAt(twin, port) ?? []];
    for (const read of reads) {
      // An only column is the other's counterpart under any name.
      const isOnly = reads.length === 1 && others.length === 1;
      const match = isOnly ? others[0] : others.find(({ name }) => name === read.name);
      const found = match && difference({ ref: read, steps: served.steps }, { ref: match, steps: replayed.steps });
      if (found !== undefined) return found.replace(/^it is/, `\`${read.name}\`, which \`${step.label}\` reads, is`);
    }
  }
  return undefined;
}

/** Name of an option with different values. The name of a called model follows from its file and the ensemble's name. */
function differentOption(one: object, other: object): string | undefined {
  const [a, b] = [one, other] as Record<string, unknown>[] as [Record<string, unknown>, Record<string, unknown>];
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return names.find(name => !(name === "model" && a["path"] !== undefined) && !isSame(a[name], b[name]));
}

/** Records by column are compared where both have the column. */
function isSame(a: unknown, b: unknown): boolean {
  if (!isRecord(a) || !isRecord(b)) return JSON.stringify(a) === JSON.stringify(b);
  return Object.keys(a).every(key => !Object.hasOwn(b, key) || isSame(a[key], b[key]));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const print = ({ column, step }: ColumnRef, made: FittedStep | undefined): string =>
  made ? `\`${column}\` of \`${made.op}\`` : `\`${step === REQUEST_STEP ? "request" : step}["${column}"]\``;

const printOption = (name: string, { params }: FittedStep): string => {
  const value = (params as Record<string, unknown>)[name];
  return value === undefined ? `no \`${name}\`` : `\`${name}\` ${(JSON.stringify(value) ?? "").slice(0, 80)}`;
};
