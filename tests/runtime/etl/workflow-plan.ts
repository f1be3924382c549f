/**
 * Columns and a chain of operators → a workflow plan, as the compiler would write it. Each operator replaces the columns it is given.
 */
import { userFunction } from "#compiler/lambda/compile-lambda.js";
import type { UserFunction } from "#compiler/lambda/user-function.js";
import type { OpKind } from "#contract/op-params.js";
import { type AnyStep, type ColumnRef, type FittedPlan, type Plan, parsePlan, printPlan } from "#contract/plan.js";
import { type ColumnSchema, column, findColumn } from "#contract/schema.js";
import { TIME_UNIT } from "#contract/time-unit.js";
import { opDefinition } from "#operators/authors.js";
import type { Bound } from "#operators/shared/author/bound.js";
import type { Call } from "#operators/shared/author/define-op.js";
import type { DType } from "#triton-protos/datatype.js";

export interface Link {
  readonly op: OpKind;
  readonly params?: Readonly<Record<string, unknown>>;
  /** Columns it takes, groups as lists; default: all there are. */
  readonly columns?: readonly (string | readonly string[])[];
  /** Text of its function. */
  readonly lambda?: string;
  /** Columns of its dependencies, by port. */
  readonly ports?: Readonly<Record<string, readonly string[]>>;
}

/** `{ price: "float32", ids: "list<int64>", vector: "float32[4]", at: "timestamp<ms>" }` */
export function schemaOf(types: Readonly<Record<string, string>>): ColumnSchema[] {
  return Object.entries(types).map(([name, type]) => {
    const ragged = /^list<(\w+)>$/.exec(type);
    const fixed = /^(\w+)\[(\d+)\]$/.exec(type);
    const time = /^timestamp<(\w+)>$/.exec(type);
    if (time) return column(name, "int64", { properties: { [TIME_UNIT]: time[1]! } });
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
  const steps = links.map((link, i) => {
    const { op, columns = [...scope.keys()], ports = {} } = link;
    const id = `${op}_${i}`;
    const taken = (names: readonly string[]) => names.map(name => scope.get(name)!);
    const groups = columns.map(entry => (typeof entry === "string" ? [entry] : entry));
    const refs = Object.fromEntries(
      Object.entries({ input: [...new Set(groups.flat())], ...ports }).map(([port, names]) => [port, taken(names)]),
    );
    const step = inferStep({ op, id, ...writtenOf(link) }, refs, groups, undefined);
    if (CHANGE_ROWS.has(op)) scope.clear();
    for (const schema of step.outputs)
      scope.set(schema.name, { ref: { name: schema.name, step: id, column: schema.name }, schema });
    return step;
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
  const printed = JSON.parse(JSON.stringify(plan)) as Plan;
  printed.steps.forEach((step, i) => {
    authored.set(keyOf(step), writtenOf(links[i]!));
  });
  return printed;
}

interface Written {
  readonly params: unknown;
  readonly lambda?: string;
}

const writtenOf = ({ op, params = {}, lambda }: Link): Written => ({
  params: opDefinition(op).params.parse(lambda === undefined ? params : { ...params, lambda: { captured: {} } }),
  ...(lambda !== undefined && { lambda }),
});

/** The author's parameters, by the plan's: some operators write their parameters into the plan in another form. */
const authored = new Map<string, Written>();
const keyOf = (step: AnyStep): string => `${step.op} ${JSON.stringify(step.params)}`;

/** After these only their own columns are left. */
const CHANGE_ROWS: ReadonlySet<OpKind> = new Set<OpKind>(["groupby"]);

interface Taken {
  readonly ref: ColumnRef;
  readonly schema: ColumnSchema;
}

/** A step with the columns that the operator's compile half gives it. */
function inferStep(
  { op, id, params, lambda }: Written & { readonly op: OpKind; readonly id: string },
  taken: Readonly<Record<string, readonly Taken[]>>,
  groups: readonly (readonly string[])[],
  state: unknown,
) {
  const scope = (port: string): Bound[] =>
    (taken[port] ?? []).map(({ ref, schema }) => ({ column: schema, ref: { step: ref.step, column: ref.column } }));
  const unused = (): never => {
    throw new Error("the operator has nothing to read");
  };
  const call: Call<unknown> = {
    params,
    id,
    program: "test",
    input: scope("input"),
    groups: groups.map(group => group.map(name => scope("input").find(b => b.column.name === name)!)),
    dependency: scope,
    artefacts: {} as Call<unknown>["artefacts"],
    readFunction: () => (lambda ? readLambda(lambda, op) : undefined),
    state,
    parentRows: () => undefined,
    model: unused,
    artefactName: unused,
    served: unused,
    candidatesIn: () => undefined,
    workflowOf: () => undefined,
    warn: () => undefined,
    fail: message => {
      throw new Error(message.message);
    },
    refuse: problem => {
      throw new Error(problem);
    },
    refuseType: ({ name }, wanted) => {
      throw new Error(`${name} is not of ${wanted}`);
    },
  };
  const inferred = opDefinition(op).infer(call)!;
  return {
    id,
    op,
    label: id,
    params: inferred.params,
    ...(state !== undefined && { state }),
    inputs: Object.fromEntries(
      Object.entries(inferred.inputs).map(([port, bounds]) => [
        port,
        bounds.map(({ column: { name }, ref }): ColumnRef => ({ name, ...ref })),
      ]),
    ),
    outputs: inferred.outputs,
  };
}

function readLambda(text: string, op: OpKind): UserFunction | undefined {
  const place = { file: "case.workflow.ts", text, range: { start: 0, end: text.length } };
  return userFunction(place, {}, op, message => {
    throw new Error(message.message);
  });
}

/** The plan with the state of `fitWorkflow`, printed and parsed as by a reader. */
export const fittedPlan = (plan: Plan, states: ReadonlyMap<string, unknown>): FittedPlan =>
  parsePlan(printPlan(withStates(plan, states)), "fitted plan");

/** The plan with the state so far, which may be incomplete. */
export function withStates(plan: Plan, states: ReadonlyMap<string, unknown>): Plan {
  const known = new Map(plan.inputs.map(schema => [`request\n${schema.name}`, schema]));
  const steps = plan.steps.map(step => {
    const taken = Object.fromEntries(
      Object.entries(step.inputs).map(([port, refs]) => [
        port,
        refs.map(ref => ({ ref, schema: { ...known.get(`${ref.step}\n${ref.column}`)!, name: ref.name } })),
      ]),
    );
    const alone = step.inputs.input!.map(ref => [ref.name]);
    const { groups: own = [] } = step.params as { readonly groups?: readonly (readonly string[])[] };
    const groups = own.length > 0 ? own : alone;
    const inferred = inferStep(
      { op: step.op, id: step.id, ...(authored.get(keyOf(step)) ?? { params: step.params }) },
      taken,
      groups,
      states.get(step.id),
    );
    for (const schema of inferred.outputs) known.set(`${step.id}\n${schema.name}`, schema);
    return inferred as unknown as AnyStep;
  });
  // The fit may have dropped some.
  const outputs = plan.outputs.flatMap(({ ref }) => {
    const schema = known.get(`${ref.step}\n${ref.column}`);
    return schema ? [{ ref, schema: { ...schema, name: ref.name } }] : [];
  });
  return JSON.parse(printPlan({ ...plan, steps, outputs })) as Plan;
}

export const outputSchema = (plan: Plan, name: string): ColumnSchema =>
  findColumn(
    plan.outputs.map(output => output.schema),
    name,
  )!;
