/**
 * A function in the place of a stage: what it gets, what it answers, and the kernel made of it.
 */
import type { AnyStep, Plan } from "../../../contract/plan.js";
import type { ColumnSchema } from "../../../contract/schema.js";
import { linkSignal } from "../../base/cancellation.js";
import type { Column } from "../../base/columns/table.js";
import { RuntimeFault } from "../../base/errors.js";
import { createRandom, type Random } from "../../base/random.js";
import type { Inputs, RunContext } from "./kernel.js";
import {
  knownRows,
  parentRows,
  readColumns,
  type StageInput,
  type StageOutput,
  writeColumns,
} from "./stage-columns.js";

export interface StageContext {
  readonly stage: string;
  /** Rows that a stage's new rows belong to: the request's. */
  readonly rows: number;
  /** Columns to answer: names, dtypes, whether they are lists, and whether they are of rows that the stage makes. */
  readonly outputs: readonly (Pick<ColumnSchema, "name" | "dtype" | "list"> & { readonly makesRows: boolean })[];
  /** The operator's parameters, as the plan has them. */
  readonly params: Readonly<Record<string, unknown>>;
  /** The request's seed decides its numbers. */
  readonly random: Random;
  readonly signal?: AbortSignal;
}

/** Columns in, columns out. An error that it throws is the stage's. */
export type StageFunction<Input = StageInput, Output = StageOutput> = (
  columns: Input,
  context: StageContext,
) => Output | Promise<Output>;

/**
 * @param first the step whose columns the function reads; the one it answers for is `last`
 * @param onMistake is called when what the function answered is not what the stage has: another column, dtype or length
 * @throws RuntimeFault
 */
export async function runStage(
  act: StageFunction,
  { plan, first, last }: { readonly plan: Plan; readonly first: AnyStep; readonly last: AnyStep },
  inputs: Inputs,
  { seed, signal }: RunContext,
  onMistake?: (error: unknown) => void,
): Promise<readonly Column[]> {
  const parent = parentRows(inputs);
  const linked = signal && linkSignal(signal);
  const context: StageContext = {
    stage: last.label,
    rows: parent.count,
    outputs: last.outputs.map(schema => ({ ...schema, makesRows: schema.rows === last.id })),
    params: last.params as Readonly<Record<string, unknown>>,
    random: createRandom(seed, last.id),
    ...(linked && { signal: linked.signal }),
  };
  let made: StageOutput;
  try {
    made = await act(readColumns(first, inputs), context);
  } catch (error) {
    throw RuntimeFault.from(error, (error as Error).message);
  } finally {
    linked?.release();
  }
  try {
    return writeColumns(last, made, knownRows(first, inputs, rowsIn(plan)), parent);
  } catch (error) {
    onMistake?.(error);
    throw error;
  }
}

/** The rows of a column of a plan. */
export const rowsIn =
  (plan: Plan) =>
  (step: string, column: string): string | undefined =>
    (step === "request" ? plan.inputs : plan.steps.find(({ id }) => id === step)?.outputs)?.find(
      ({ name }) => name === column,
    )?.rows;

/** Empty values: zeros, empty texts and empty lists; no rows where the stage makes rows. */
export const emptyColumns: StageFunction = (columns, { outputs, rows }) => {
  const count = Object.values(columns)[0]?.length ?? rows;
  return Object.fromEntries(
    outputs.map(({ name, dtype, list, makesRows }) => {
      const zero = dtype === "string" ? "" : 0;
      const one = list ? (list.min === list.max ? new Array<typeof zero>(list.min).fill(zero) : []) : zero;
      return [name, Array.from({ length: makesRows ? rows : count }, () => (makesRows ? [] : one))];
    }),
  );
};
