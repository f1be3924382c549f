/**
 * A fitted workflow → whether its results are unchanged, and, on any data, whether the serving kernels equal `merlon transform`. It checks
 * checksums, then golden rows, then rows of the data both ways.
 */
import { readWorkflow } from "../../formats/folders/workflow.js";
import { internal } from "../base/errors.js";
import { readGolden } from "../engine/golden/golden-rows.js";
import { type Difference, replay } from "../engine/golden/replay.js";
import { preparePlan } from "../engine/schedule/execute.js";
import { findData, openData } from "./data-source.js";
import { type DatabaseOptions, openDatabase } from "./database.js";
import { columnsRead, openLayers } from "./layers.js";
import { openLookups } from "./lookups.js";
import { makeGolden, pickRows } from "./make-golden.js";
import { registerHashFunctions } from "./sql/hash-functions.js";

export interface VerifyOptions extends DatabaseOptions {
  /** Files, folders or globs to compare both ways on. */
  readonly against?: string | readonly string[];
  /** How many rows of them, spread over the data; default 10,000. */
  readonly rows?: number;
}

export interface Verified {
  /** Golden rows that were run; undefined where the folder has none. */
  readonly golden: number | undefined;
  /** Rows of the data that were compared. */
  readonly compared: number;
  /** The first difference, and its data set. */
  readonly difference?: Difference & { readonly in: "golden rows" | "data" };
}

/** @throws PlanError, RuntimeFault: a folder that cannot be read, or an artefact that is not the fit's */
export async function verifyWorkflow(folder: string, options: VerifyOptions = {}): Promise<Verified> {
  const plan = readWorkflow(folder);
  const golden = readGolden(folder);
  const refuse = () => Promise.reject(internal("a workflow calls no model."));
  const executable = await preparePlan(plan, { folder, models: { describe: refuse, infer: refuse } });
  try {
    const known = golden && (await replay(executable, golden));
    const base = { golden: golden?.rows, compared: 0 };
    if (known) return { ...base, difference: { ...known, in: "golden rows" } };
    if (options.against === undefined) return base;
    const database = await openDatabase(options);
    try {
      await registerHashFunctions(database.connection);
      const columns = columnsRead(plan);
      const source = await openData(database, await findData(database, options.against), columns);
      const lookups = openLookups(database, folder);
      const { view } = await openLayers(database, source, columns, lookups);
      await pickRows(database, view, { wanted: options.rows ?? 10_000, read: columns, rows: source.rows });
      const rows = await makeGolden(database, lookups, plan, columns, source.dictionaries);
      const found = await replay(executable, rows);
      return { golden: golden?.rows, compared: rows.rows, ...(found && { difference: { ...found, in: "data" } }) };
    } finally {
      await database.close();
    }
  } finally {
    await executable.close();
  }
}
