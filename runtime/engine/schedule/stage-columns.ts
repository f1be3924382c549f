/**
 * The columns of a stage in the form for people, and back. A scalar column is one array, a list column one array per row. Rows of the stage
 * itself are one array per parent row.
 */

import type { AnyStep } from "../../../contract/plan.js";
import { type ColumnSchema, printColumn } from "../../../contract/schema.js";
import { datatype } from "../../../triton-protos/datatype.js";
import { allocate, type Column, childRows, type Rows, type Values } from "../../base/columns/table.js";
import { internal, type RuntimeFault } from "../../base/errors.js";
import type { Inputs } from "./kernel.js";

type Scalar = number | bigint | string | boolean | null;
type Typed = Exclude<Values, readonly string[]>;
/** `null` is a null; int64 and uint64 are bigints when read, and may be written as numbers. */
export type StageValues = Typed | readonly (Scalar | Typed | readonly Scalar[])[];
export type StageInput = Readonly<Record<string, StageValues>>;
export type StageOutput = Readonly<
  Record<string, Typed | readonly (Scalar | Typed | readonly (Scalar | Typed | readonly Scalar[])[])[]>
>;

/** All columns of all ports, by their names in the step; the first port wins. */
export function readColumns(step: AnyStep, inputs: Inputs): StageInput {
  const columns: Record<string, StageValues> = {};
  for (const [port, refs] of Object.entries(step.inputs))
    refs.forEach(({ name }, i) => {
      const column = inputs[port]?.[i];
      if (column && !Object.hasOwn(columns, name)) columns[name] = readColumn(column);
    });
  return columns;
}

function readColumn({ values, rows, offsets, width, validity, listValidity }: Column): StageValues {
  const part = (from: number, to: number): Typed | readonly Scalar[] =>
    validity
      ? Array.from(values.slice(from, to) as readonly Scalar[], (value, i) => (validity[from + i] ? value : null))
      : (values.slice(from, to) as Typed);
  if (offsets)
    return Array.from({ length: rows.count }, (_, i) =>
      listValidity?.[i] === 0 ? null : part(offsets[i]!, offsets[i + 1]!),
    );
  if (width !== undefined) return Array.from({ length: rows.count }, (_, i) => part(i * width, (i + 1) * width));
  return part(0, values.length);
}

/** Rows by their id in the plan, if the step's inputs determine them. @param rowsOf the rows of an input column in the plan */
export function knownRows(
  step: AnyStep,
  inputs: Inputs,
  rowsOf: (step: string, column: string) => string | undefined,
): ReadonlyMap<string, Rows> {
  const known = new Map<string, Rows>();
  for (const [port, refs] of Object.entries(step.inputs))
    refs.forEach((ref, i) => {
      const rows = inputs[port]?.[i]?.rows;
      const id = rowsOf(ref.step, ref.column);
      if (!rows || id === undefined) return;
      known.set(id, rows);
      let root = rows;
      while (root.parent) root = root.parent;
      if (!known.has("request")) known.set("request", root);
    });
  return known;
}

/** The parent rows of a stage that makes rows: the request's, even if it reads candidates. */
export const parentRows = (inputs: Inputs): Rows => {
  const rows = Object.values(inputs).flat()[0]!.rows;
  return rows.parent ?? rows;
};

/** @throws RuntimeFault naming the column, what was found and what was expected */
export function writeColumns(
  step: AnyStep,
  given: StageOutput,
  known: ReadonlyMap<string, Rows>,
  parent: Rows,
): readonly Column[] {
  const strange = Object.keys(given).find(name => !step.outputs.some(output => output.name === name));
  if (strange !== undefined)
    throw wrong(`makes no column \`${strange}\`; it makes ${step.outputs.map(printColumn).join(", ")}`);
  let made: Rows | undefined;
  return step.outputs.map(schema => {
    const values = given[schema.name];
    if (values === undefined) throw wrong(`got no column \`${printColumn(schema)}\``);
    if (schema.rows !== step.id) return writeColumn(schema, values as StageValues, known.get(schema.rows) ?? parent);
    const lists = values as readonly (readonly Scalar[])[];
    if (lists.length !== parent.count || lists.some(list => typeof list !== "object" || list === null))
      throw wrong(
        `makes rows, so column \`${schema.name}\` is one list for each of ${parent.count} rows; it got ${lists.length} entries`,
      );
    const offsets = new Int32Array(parent.count + 1);
    lists.forEach((list, i) => {
      offsets[i + 1] = offsets[i]! + list.length;
    });
    made ??= childRows(parent, offsets);
    if (made.offsets!.join() !== offsets.join())
      throw wrong(`got lists of other lengths for column \`${schema.name}\` than for the columns before it`);
    return writeColumn(
      schema,
      lists.flatMap(list => [...list]),
      made,
    );
  });
}

/** JSON has no 64-bit integers. */
const spelled = (_: string, value: unknown): unknown => (typeof value === "bigint" ? `${value}n` : value);

const wrong = (text: string): RuntimeFault => internal(`the replacement ${text}`);

function writeColumn(schema: ColumnSchema, given: StageValues, rows: Rows): Column {
  const { dtype, list, name } = schema;
  const { array, kind } = datatype(dtype);
  if (given.length !== rows.count && !(list && ArrayBuffer.isView(given)))
    throw wrong(`column \`${name}\` has ${given.length} values for ${rows.count} rows`);
  const lists = list ? Array.from(given as readonly (readonly Scalar[] | null)[], one => one ?? []) : undefined;
  const items = (lists ? lists.flatMap(one => [...one]) : Array.from(given as readonly Scalar[])) as readonly Scalar[];
  const values = allocate(dtype, items.length) as unknown as { [i: number]: unknown };
  const validity = items.includes(null) ? new Uint8Array(items.length) : undefined;
  const wide = array === BigInt64Array || array === BigUint64Array;
  items.forEach((item, i) => {
    if (validity && item !== null) validity[i] = 1;
    if (item === null) return;
    // `Number("text")` and `String(7)` would answer something else than was meant, without a word.
    if ((typeof item === "string") !== (kind === "string"))
      throw wrong(`column \`${printColumn(schema)}\` can't hold ${JSON.stringify(item, spelled)} at place ${i}`);
    try {
      values[i] = kind === "string" ? String(item) : wide ? BigInt(item) : Number(item);
    } catch (error) {
      throw wrong(
        `column \`${printColumn(schema)}\` can't hold ${String(item)} at place ${i}: ${(error as Error).message}`,
      );
    }
  });
  const shape = lists ? listShape(schema, lists) : {};
  const isNull = lists && "offsets" in shape && (given as readonly unknown[]).includes(null);
  const listValidity = isNull && Uint8Array.from(given as readonly unknown[], one => Number(one !== null));
  const nulls = { ...(validity && { validity }), ...(listValidity && { listValidity }) };
  return { dtype, rows, values: values as unknown as Values, ...shape, ...nulls };
}

function listShape(
  { list, name }: ColumnSchema,
  lists: readonly (readonly unknown[])[],
): Pick<Column, "offsets" | "width"> {
  if (list!.min !== list!.max) {
    const offsets = new Int32Array(lists.length + 1);
    lists.forEach((one, i) => {
      offsets[i + 1] = offsets[i]! + one.length;
    });
    return { offsets };
  }
  const odd = lists.find(one => one.length !== list!.min);
  if (odd) throw wrong(`column \`${name}\` has a list of ${odd.length} values; each row has ${list!.min}`);
  return { width: list!.min };
}
