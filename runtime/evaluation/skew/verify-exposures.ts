/** A served model and its exposure log → the first logged column that the model, or the history of its stores, would make otherwise today. */
import { createHash } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { modelName } from "../../../contract/files/model-name.js";
import { FILE_LIMITS, readRegular } from "../../../contract/files/read-regular.js";
import { type FittedPlan, parsePlan } from "../../../contract/plan.js";
import { planId } from "../../../contract/plan-id.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import { artefactHashes } from "../../../formats/folders/artefact-hashes.js";
import { datatype } from "../../../triton-protos/datatype.js";
import { childRows, rootRows } from "../../base/columns/table.js";
import { invalid } from "../../base/errors.js";
import { cellOf, cellsOf, columnOf } from "../../engine/golden/cells.js";
import { preparePlan } from "../../engine/schedule/execute.js";
import type { ExecutablePlan } from "../../engine/schedule/plan-result.js";
import { findData } from "../../etl/data-source.js";
import { type Database, type DatabaseOptions, openDatabase } from "../../etl/database.js";
import { latestVersion, replayModels } from "../replay-models.js";
import { type Checked, checkPlan, type NotChecked, SCORE } from "./check-plan.js";
import { type ColumnDrift, isSame, Tally, TOLERANCE } from "./differences.js";
import { compareHistory, type History, historyColumns } from "./history.js";
import { type LoggedRows, loadLogged, type PlanRows, plansIn } from "./logged-rows.js";

export interface VerifyExposuresOptions extends DatabaseOptions {
  /** About as many rows are compared: whole lists. @default 10000 */
  readonly rows?: number;
  /** Relative difference of floats that is accepted. @default 1e-5 */
  readonly tolerance?: number;
  /** Files with the history of stores, by view. */
  readonly history?: History;
}

export interface VerifiedExposures {
  /** Rows of the log, and those that were compared. */
  readonly rows: number;
  readonly compared: number;
  /** In the order of the plan. */
  readonly columns: readonly ColumnDrift[];
  readonly notChecked: readonly NotChecked[];
  /** Rows that another plan wrote. */
  readonly otherPlans: readonly Omit<PlanRows, "artefacts">[];
  /** Files and models with another hash or version than when they were logged. */
  readonly otherArtefacts: readonly { readonly name: string; readonly logged: string; readonly now: string }[];
  /** The first column that differs. */
  readonly drift?: ColumnDrift;
}

/**
 * @param model folder of the model in its repository; its latest version is run @param data exposure log: files, folders or globs
 * @throws RuntimeFault, PlanError naming a file or column
 */
export async function verifyExposures(
  model: string,
  data: readonly string[],
  options: VerifyExposuresOptions = {},
): Promise<VerifiedExposures> {
  const { rows: wanted = 10_000, tolerance = TOLERANCE, history = new Map() } = options;
  const opened = await openModel(model);
  const { folder, plan, hash } = opened;
  const database = await openDatabase(options);
  try {
    const files = await findData(database, data);
    const { plans, isWhole } = await plansIn(database, files);
    const other = plans.find(one => one.model !== plan.name);
    if (other) throw invalid(`the log is of model \`${other.model}\`, and \`${model}\` is \`${plan.name}\`.`);
    const whole = isWhole && typeof plan.log.candidates === "object" && plan.log.candidates.all === 1;
    const check = checkPlan(plan, whole);
    const stored = historyColumns(check, folder, history);
    const read = columnsToRead([
      ...check.plan.inputs,
      ...check.computed.filter(({ name }) => name !== SCORE).map(({ schema }) => schema),
      ...stored.columns.flatMap(({ checked, keys }) => [checked.schema, ...keys.map(({ column }) => column)]),
    ]);
    if (check.computed.length + stored.columns.length === 0)
      throw invalid(
        `nothing of the log can be compared: ${check.notChecked.map(({ column, reason }) => `\`${column}\`: ${reason}`).join("; ")}.`,
      );
    const logged = await loadLogged(database, files, read, wanted);
    const at = (schema: ColumnSchema): number => read.findIndex(({ name }) => name === schema.name);
    const executable = await prepare(opened, check.plan);
    try {
      const computed = await compareComputed(database, executable, { ...check, read, logged, tolerance });
      const found = [];
      for (const one of stored.columns) found.push(await compareHistory(database, one, { history, tolerance, at }));
      const columns = inPlanOrder(plan, [...computed, ...found.filter(one => "by" in one)]);
      const drift = columns.find(({ drifted }) => drifted > 0);
      return {
        rows: logged.rows,
        compared: logged.picked,
        columns,
        notChecked: [...check.notChecked, ...stored.notChecked, ...found.filter(one => "reason" in one)],
        otherPlans: plans.filter(one => one.plan !== hash).map(({ artefacts: _, ...one }) => one),
        otherArtefacts: otherArtefacts(opened, plans),
        ...(drift && { drift }),
      };
    } finally {
      await executable.close();
    }
  } finally {
    await database.close();
  }
}

interface OpenModel {
  /** Folder of the model, and of its version. */
  readonly model: string;
  readonly folder: string;
  readonly plan: FittedPlan & { readonly log: NonNullable<FittedPlan["log"]> };
  /** As the log has it. */
  readonly hash: string;
}

async function openModel(given: string): Promise<OpenModel> {
  const model = resolve(given);
  const folder = join(model, latestVersion(model));
  const file = join(folder, "plan.json");
  const bytes = await readRegular(file, FILE_LIMITS.document).catch(error => {
    throw invalid(
      `\`${file}\` cannot be read: ${(error as Error).message}. With \`--exposures\`, name the folder of an ensemble that \`merlon build\` wrote, such as model-repo/${basename(model)}.`,
    );
  });
  const plan = parsePlan(bytes.toString(), file);
  const { log } = plan;
  if (!log) throw invalid(`\`${plan.name}\` has no \`log\`, which says which of its columns an exposure log has.`);
  const hash = planId(createHash("sha256").update(bytes).digest("hex"));
  return { model, folder, plan: { ...plan, log } as OpenModel["plan"], hash };
}

async function prepare({ model, folder }: OpenModel, plan: FittedPlan): Promise<ExecutablePlan> {
  const models = replayModels(dirname(model));
  const executable = await preparePlan(plan, { folder, models }).catch(async error => {
    await models.close();
    throw error;
  });
  return {
    ...executable,
    close: async () => {
      await executable.close();
      await models.close();
    },
  };
}

const columnsToRead = (all: readonly ColumnSchema[]): readonly ColumnSchema[] => [
  ...new Map(all.map(schema => [schema.name, schema])).values(),
];

/** Rows of one run, at least those of one list. */
const ROWS = 8192;

interface Comparing {
  readonly computed: readonly Checked[];
  readonly read: readonly ColumnSchema[];
  readonly logged: LoggedRows;
  readonly tolerance: number;
}

async function compareComputed(
  database: Database,
  executable: ExecutablePlan,
  { computed, read, logged, tolerance }: Comparing,
): Promise<readonly ColumnDrift[]> {
  if (computed.length === 0) return [];
  const tallies = computed.map(() => new Tally());
  const names = read.map((_, i) => `f${i}`);
  for (let from = 0; from < logged.lists.length; ) {
    const offsets = [0];
    let to = from;
    while (to < logged.lists.length && (to === from || offsets.at(-1)! + logged.lists[to]! <= ROWS))
      offsets.push(offsets.at(-1)! + logged.lists[to++]!);
    const rows = await database.rows(
      `SELECT request, row::DOUBLE, item, ${["score", ...names].join(", ")} FROM logged WHERE list >= ${from} AND list < ${to} ORDER BY place`,
      "reading the log",
    );
    const set = childRows(rootRows(offsets.length - 1), Int32Array.from(offsets));
    const cells = new Map(read.map((schema, i) => [schema.name, rows.map(row => cellOf(row[4 + i]!, schema.dtype))]));
    const inputs = new Map(
      executable.plan.inputs.map(schema => [schema.name, columnOf(schema, cells.get(schema.name)!, set)]),
    );
    const { columns } = await executable.run(inputs, { seed: 0n, parameters: new Map() });
    for (const [c, { name, isPartial }] of computed.entries()) {
      const column = columns.get(name)!;
      const own = name === SCORE ? rows.map(row => cellOf(row[3]!, "float64")) : cells.get(name)!;
      const isFloat = datatype(column.dtype).kind === "float";
      for (const [i, expected] of cellsOf(column).entries()) {
        if (isPartial && own[i] === null) continue;
        tallies[c]!.add(own[i]!, expected, isSame(own[i]!, expected, isFloat, tolerance), () => ({
          request: String(rows[i]![0]),
          row: Number(rows[i]![1]),
          item: String(rows[i]![2]),
        }));
      }
    }
    from = to;
  }
  return computed.map(({ name, step }, c) => {
    const { compared, drifted, largest, first } = tallies[c]!;
    return {
      column: name,
      step: step.label,
      op: step.op,
      by: "recomputed",
      compared,
      drifted,
      ...(largest !== undefined && { largest }),
      ...(first && { first }),
    };
  });
}

function inPlanOrder({ steps }: FittedPlan, columns: readonly ColumnDrift[]): readonly ColumnDrift[] {
  const order = (step: string): number =>
    steps.findIndex(one => one.label === step || one.parts?.some(({ label }) => label === step));
  return columns.toSorted((a, b) => order(a.step) - order(b.step));
}

/** Compares the hashes and versions of the log's most frequent runs. */
function otherArtefacts({ model, folder, plan }: OpenModel, plans: readonly PlanRows[]) {
  const now = artefactHashes(plan, folder);
  const versionOf = (name: string): string | undefined => {
    try {
      return latestVersion(join(dirname(model), modelName(name)));
    } catch {
      // A file of the plan, or a model that the repository does not have.
      return undefined;
    }
  };
  return [...artefactsIn(plans[0]?.artefacts ?? null)].flatMap(([name, logged]) => {
    const found = Object.hasOwn(now, name) ? now[name] : versionOf(name);
    return found === undefined || found === logged ? [] : [{ name, logged, now: found }];
  });
}

function artefactsIn(text: string | null): ReadonlyMap<string, string> {
  const parsed = text === null ? undefined : ARTEFACTS.safeParse(parseJson(text));
  return new Map(Object.entries(parsed?.data ?? {}));
}

const ARTEFACTS = z.record(z.string(), z.string());

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
