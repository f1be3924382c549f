/** The models that wrote a log → whether an ensemble may be replayed on it. Replay reads logged columns by name, so each name must mean one thing. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { expandFused } from "../../contract/expand-fused.js";
import { FILE_LIMITS, readRegular } from "../../contract/files/read-regular.js";
import { type FittedPlan, parsePlan } from "../../contract/plan.js";
import { RuntimeFault } from "../base/errors.js";
import { firstDifference } from "./column-origins.js";

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
    throw fault(
      `\`--served ${folder}\` has no \`1/plan.json\`. Name the folder of the model that was served, as \`merlon build\` wrote it.`,
    );
  return Promise.all(
    files.map(async version => {
      const file = join(model, version, "plan.json");
      const bytes = await readRegular(file, FILE_LIMITS.document);
      const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
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
    throw fault(
      `the log has ${printRows(rows)}, and \`--served\` has ${listed(served.map(({ hash, version }) => `\`${hash}\` (version ${version})`))}. Name the folder that has this plan, as it was served.`,
    );
  for (const name of columns) {
    const difference = firstDifference(name, found.plan, plan);
    if (difference !== undefined)
      throw fault(
        `column \`${name}\` of the log is another one than the ensemble reads: ${difference}. Log the ensemble's own column under another name, and evaluate on that log.`,
      );
  }
}

/** Without the served plans, the names are all that can be compared. */
function refuseUnknown(rows: readonly ServedRows[], name: string): void {
  const other = rows.find(({ model }) => model !== name);
  if (other)
    throw fault(
      `the log is of model \`${clean(other.model)}\`, and the ensemble is \`${name}\`. Logged columns are read by name, and another model may mean another thing. Compare them with \`--served FOLDER\`, the folder of \`${clean(other.model)}\` in its repository, or name the ensemble \`${clean(other.model)}\`.`,
    );
  const plans = new Map(rows.map(one => [one.plan, one]));
  if (plans.size > 1)
    throw fault(
      `the log has rows of ${plans.size} plans: ${listed([...plans.values()].slice(0, 5).map(printRows))}. A column of one name may differ between them. Compare them with \`--served FOLDER\`, the folder of the model with these versions, or give the rows of one plan.`,
    );
}

const printRows = ({ model, version, plan, rows }: ServedRows): string =>
  `${rows.toLocaleString("en-US")} rows of plan \`${clean(plan)}\` (\`${clean(model)}\`, version ${clean(version)})`;

const listed = (texts: readonly string[]): string => new Intl.ListFormat("en", { type: "conjunction" }).format(texts);

/** Names from a file: control characters and great lengths do not reach a terminal. */
const clean = (text: string): string => text.replaceAll(/\p{C}/gu, "�").slice(0, 80);

const fault = (message: string): RuntimeFault => new RuntimeFault("INVALID_ARGUMENT", message);
