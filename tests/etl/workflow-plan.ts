/**
 * Columns and a chain of operators -> a workflow plan, as the compiler would write it. Each operator replaces the columns it is given.
 */
import type { DType } from "#triton-protos/datatype.js";
import { OP_PARAMS, type OpKind } from "#triton-protos/op-params.js";
import { type AnyStep, type ColumnRef, type Plan, parsePlan, printPlan } from "#triton-protos/plan.js";
import { type ColumnSchema, column, findColumn } from "#triton-protos/schema.js";

export interface Link {
  readonly op: OpKind;
  readonly params?: Readonly<Record<string, unknown>>;
  /** Columns it takes; default: all there are. */
  readonly columns?: readonly string[];
}

/** `{ price: "float32", ids: "list<int64>", vector: "float32[4]" }` */
export function schemaOf(types: Readonly<Record<string, string>>): ColumnSchema[] {
  return Object.entries(types).map(([name, type]) => {
    const ragged = /^list<(\w+)>$/.exec(type);
    const fixed = /^(\w+)\[(\d+)\]$/.exec(type);
    if (ragged) return column(name, ragged[1] as DType, { list: { min: 0, max: null } });
    if (fixed) return column(name, fixed[1] as DType, { list: { min: Number(fixed[2]), max: Number(fixed[2]) } });
    return column(name, type as DType);
  });
}

export function workflowPlan(types: Readonly<Record<string, string>>, links: readonly Link[]): Plan {
  const inputs = schemaOf(types);
  const scope = new Map<string, { ref: ColumnRef; schema: ColumnSchema }>(
    inputs.map(schema => [schema.name, { ref: { name: schema.name, step: "request", column: schema.name }, schema }]),
  );
  const steps = links.map(({ op, params = {}, columns = [...scope.keys()] }, i) => {
    const parsed = OP_PARAMS[op].parse(params) as Record<string, unknown>;
    const taken = columns.map(name => scope.get(name)!);
    const id = `${op}_${i}`;
    const outputs = taken.flatMap(({ schema }) => outputsOf(op, parsed, schema));
    for (const schema of outputs)
      scope.set(schema.name, { ref: { name: schema.name, step: id, column: schema.name }, schema });
    return {
      id,
      op,
      label: id,
      params: parsed,
      inputs: { input: taken.map(({ ref, schema }) => ({ ...ref, name: schema.name })) },
      outputs,
    };
  });
  const plan = {
    format: "merlon/plan",
    version: 1,
    kind: "workflow",
    name: "test",
    inputs,
    steps,
    outputs: [...scope.values()],
  };
  return parsePlan(JSON.stringify(plan), "test plan");
}

function outputsOf(op: OpKind, params: Record<string, unknown>, col: ColumnSchema): ColumnSchema[] {
  const as = (dtype: DType) => [{ ...col, dtype }];
  if (op === "logOp") return as("float32");
  if (op === "hashBucket") return as("int32");
  if (op === "normalize" || op === "categorify") return as(params.outDtype as DType);
  if (op === "fillMissing" && params.addBinaryColumns)
    return [col, { ...col, name: `${col.name}_filled`, dtype: "bool" }];
  return [col];
}

/** The plan with what `fitWorkflow` learnt, through print and parse as a reader gets it. */
export const fittedPlan = (plan: Plan, states: ReadonlyMap<string, unknown>): Plan =>
  parsePlan(
    printPlan({
      ...plan,
      steps: plan.steps.map(step =>
        states.has(step.id) ? ({ ...step, state: states.get(step.id) } as AnyStep) : step,
      ),
    }),
    "fitted plan",
  );

export const outputSchema = (plan: Plan, name: string): ColumnSchema =>
  findColumn(
    plan.outputs.map(output => output.schema),
    name,
  )!;
