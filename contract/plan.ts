/**
 * The plan: a versioned JSON document with steps, columns, dtypes, parameters and artefact names; no code.
 * A compiled ensemble and a fitted workflow are both plans. `parsePlan` is the only way in.
 */
import { z } from "zod";
import type { Learns } from "../operators/shared/spec/operator.js";
import { portFault } from "../operators/shared/spec/ports.js";
import { artefactPath } from "./files/artefact-path.js";
import { learntColumns } from "./learnt-columns.js";
import { OP_PARAMS, type OpKind, type OpParams } from "./op-params.js";
import {
  type FittedOpKind,
  type OpArtefacts,
  type OpOutputs,
  type OpState,
  type PortColumns,
  specOf,
} from "./op-state.js";
import { type ColumnRef, columnRef, planOutput } from "./plan-columns.js";
import { PlanError } from "./plan-error.js";
import { type PlanLog, planLog, planLogFault } from "./plan-log.js";
import { type ColumnSchema, columnSchema, REQUEST_ROWS } from "./schema.js";

/** The pseudo step whose columns are the request's. */
export const REQUEST_STEP = "request";

/** The cache of a step's computed rows. */
export const stepCache = z.strictObject({
  /** How long a row's columns may be answered again. */
  ttlSeconds: z.number().positive(),
  /** Most rows kept; the least recently used is evicted. */
  maxRows: z.number().int().min(1).default(100_000),
  /** Input columns that a row is known by; all of them where it is absent. */
  key: z.array(z.string()).min(1).optional(),
});
export type StepCache = Readonly<z.output<typeof stepCache>>;

const stepSchema = z.strictObject({
  id: z.string().min(1),
  op: z.enum(Object.keys(OP_PARAMS) as [OpKind, ...OpKind[]]),
  /** The author's name for it (the variable), for messages and timings. */
  label: z.string(),
  params: z.unknown(),
  state: z.unknown().optional(),
  artefacts: z.record(z.string(), artefactPath).optional(),
  cache: stepCache.optional(),
  /** Columns by port: `input` is the left side of `>>`; `filterOut`, `unroll`, `relevance` are dependencies. */
  inputs: z.record(z.string(), z.array(columnRef)),
  outputs: z.array(columnSchema),
  parts: z.array(z.unknown()).optional(),
});

const stageSchema = z.strictObject({
  /** The ensemble it is a stage of. */
  of: z.string().min(1),
  /**
   * Rows of the inputs other than the request's, parents first. `grouped` names the parent rows and the tensor that maps to them (INT32,
   * one more entry than those rows). Without it the rows have no parent.
   */
  rows: z.array(
    z.strictObject({
      id: z.string().min(1),
      grouped: z.strictObject({ by: z.string().min(1), offsets: z.string().min(1) }).optional(),
    }),
  ),
  /** Rows that the stage makes, and the tensor that answers their offsets. */
  makes: z.array(z.strictObject({ id: z.string().min(1), offsets: z.string().min(1) })),
  /** Columns that may hold nulls: each travels with `NAME__validity`. */
  nullable: z.strictObject({ inputs: z.array(z.string()), outputs: z.array(z.string()) }),
  /** The outputs leave as the ensemble answers them, in this form; else as columns for another stage. */
  answers: z.enum(["batched", "unbatched", "merlin", "rows"]).optional(),
});
/** The tensors of a plan that is one stage of an ensemble; `column-tensors.ts` has their names. */
export type PlanStage = Readonly<z.infer<typeof stageSchema>>;

const planSchema = z.strictObject({
  format: z.literal("merlon/plan"),
  version: z.literal(1),
  kind: z.enum(["ensemble", "workflow"]),
  name: z.string().min(1),
  inputs: z.array(columnSchema),
  steps: z.array(stepSchema),
  outputs: z.array(planOutput),
  /** Named parts of a workflow that can be used alone. */
  subgraphs: z.record(z.string(), z.array(planOutput)).optional(),
  /** Present in a part of a plan that is served as one stage of a Triton ensemble. */
  stage: stageSchema.optional(),
  /** Present in an ensemble whose exposures are logged. */
  log: planLog.optional(),
});

interface StepHead<K extends OpKind> {
  readonly id: string;
  readonly op: K;
  readonly label: string;
  readonly params: OpParams[K];
  readonly cache?: StepCache;
  readonly inputs: PortColumns<ColumnRef>[K];
  readonly outputs: OpOutputs[K];
}

/** The other parts of a step: files, its state once it is fitted, parts. */
type Carried = {
  readonly [K in OpKind]: (K extends keyof OpArtefacts
    ? { readonly artefacts: OpArtefacts[K] }
    : { readonly artefacts?: undefined }) &
    // Others lack the property: were it `undefined` there, TypeScript would take it for a discriminant and a step for a fitted one.
    (K extends FittedOpKind ? { readonly state?: OpState[K] } : unknown) &
    (K extends "fused" ? Parts : { readonly parts?: undefined });
};

/** The author's steps inside a fused one, each after those it reads. */
interface Parts {
  readonly parts: readonly AnyStep[];
}

interface FittedParts {
  readonly parts: readonly FittedStep[];
}

/** One operator of a plan. `K` narrows parameters, ports, columns, state and artefacts together. */
export type Step<K extends OpKind = OpKind> = StepHead<K> & Carried[K];

/** A step of any operator, as a union that `op` discriminates. */
export type AnyStep = { [K in OpKind]: Step<K> }[OpKind];

type Learnt = {
  readonly [K in OpKind]: K extends FittedOpKind
    ? { readonly state: OpState[K] }
    : K extends "fused"
      ? FittedParts
      : unknown;
};

/** A step with its state, if its operator learns. */
export type Fitted<K extends OpKind = OpKind> = Learnt[K] & Step<K>;
export type FittedStep = { [K in OpKind]: Fitted<K> }[OpKind];

export interface Plan {
  readonly format: "merlon/plan";
  readonly version: 1;
  readonly kind: "ensemble" | "workflow";
  readonly name: string;
  /** Columns a request brings, in order. */
  readonly inputs: readonly ColumnSchema[];
  /** Each step follows the steps it reads. */
  readonly steps: readonly AnyStep[];
  /** The outputs, in order; `schema.name` is the name on the wire. */
  readonly outputs: readonly { readonly ref: ColumnRef; readonly schema: ColumnSchema }[];
  /** Columns of each named part of a workflow. */
  readonly subgraphs?: Readonly<Record<string, Plan["outputs"]>>;
  /** Present in a part of a plan that is served as one stage of a Triton ensemble. */
  readonly stage?: PlanStage;
  /** Present in an ensemble whose exposures are logged. */
  readonly log?: PlanLog;
}

/** A plan that can run: each step that learns has its state. */
export interface FittedPlan extends Plan {
  readonly steps: readonly FittedStep[];
}

export { type ColumnRef, PlanError };

/**
 * Reads a plan document.
 * @param text JSON
 * @param where file name, for messages
 * @throws PlanError with file, path inside the document, and what was expected
 */
export function parsePlan(text: string, where: string): FittedPlan {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new PlanError(`${where} is not JSON: ${(error as Error).message}. Build it again with \`merlon build\`.`);
  }
  const head = z.looseObject({ format: z.unknown(), version: z.unknown() }).safeParse(json);
  if (!head.success || head.data.format !== "merlon/plan")
    throw new PlanError(`${where} is not a Merlon plan: \`format\` must be "merlon/plan".`);
  if (head.data.version !== 1)
    throw new PlanError(
      `${where} is a plan of version ${JSON.stringify(head.data.version)}; this Merlon reads version 1. Build it again, or use the Merlon that wrote it.`,
    );
  const plan = check(planSchema, json, where, "");
  const steps = plan.steps.map((step, i) => parseStep(step, where, i));
  const parsed = { ...plan, steps } as FittedPlan;
  checkReferences(parsed, where);
  return parsed;
}

/** Prints a plan: byte-stable for equal plans. */
export const printPlan = (plan: Plan): string => `${JSON.stringify(plan, null, 2)}\n`;

function parseStep(step: z.infer<typeof stepSchema>, where: string, i: number): FittedStep {
  const at = `steps[${i}] (${step.op} "${step.label}")`;
  const { ports, makes, learns, artefacts, hasParts } = specOf(step.op);
  const refuse = (wrong: string | undefined): void => {
    if (wrong !== undefined) throw new PlanError(`${where}: ${at}: ${wrong}`);
  };
  refuse(portFault(ports, step.inputs));
  if (typeof makes !== "function") refuse(outputFault(makes, step));
  const state = checkCarried(learns?.state, step.state, where, `${at}.state`);
  if (learns) checkLearnt(learns.of, step, state, `${where}: step \`${step.id}\` (${step.op})`);
  checkCarried(artefacts, step.artefacts, where, `${at}.artefacts`);
  const params = check(OP_PARAMS[step.op], step.params, where, `${at}.params`);
  if (typeof makes === "function") refuse(outputFault(makes(params), step));
  if (!hasParts) checkCarried(undefined, step.parts, where, `${at}.parts`);
  const parts = hasParts && { parts: parseParts(step, where, at) };
  // All of it is checked above, by the schemas and ports that the type is made of.
  return { ...step, params, ...(state !== undefined && { state }), ...parts } as unknown as FittedStep;
}

/** @param schema undefined where the step carries nothing of the kind */
function checkCarried(schema: z.ZodType | undefined, value: unknown, where: string, at: string): unknown {
  if (schema && value === undefined) throw new PlanError(`${where}: ${at} is missing.`);
  if (schema) return check(schema, value, where, at);
  if (value === undefined) return undefined;
  throw new PlanError(`${where}: ${at}: the operator has none.`);
}

/** Describes the fault if a step makes a wrong number of columns. */
function outputFault(
  makes: number | "each" | undefined,
  { inputs, outputs }: z.infer<typeof stepSchema>,
): string | undefined {
  const wanted = makes === "each" ? inputs.input?.length : makes;
  if (wanted === undefined || outputs.length === wanted) return undefined;
  return `it has ${outputs.length} output columns, and makes ${wanted}.`;
}

/** Refuses a state that has nothing of a column. */
function checkLearnt(of: Learns["of"], step: z.infer<typeof stepSchema>, state: unknown, at: string): void {
  if (of === "tables") return;
  const learnt = learntColumns(state);
  const missing = (of === "inputs" ? (step.inputs.input ?? []) : step.outputs).find(({ name }) => !learnt.has(name));
  if (missing) throw new PlanError(`${at} has not learned column \`${missing.name}\`. Run \`merlon fit\` again.`);
}

function parseParts(step: z.infer<typeof stepSchema>, where: string, at: string): readonly FittedStep[] {
  const parts = check(z.array(stepSchema).min(1), step.parts, where, `${at}.parts`).map((part, i) => {
    if (specOf(part.op).hasParts)
      throw new PlanError(`${where}: ${at}.parts[${i}]: a fused step has none of its own kind.`);
    return parseStep(part, where, i);
  });
  const known = new Set(step.inputs.input?.map(ref => keyOf({ step: REQUEST_STEP, column: ref.name })));
  const resolve = (ref: Pick<ColumnRef, "step" | "column">, what: string) => {
    if (!known.has(keyOf(ref)))
      throw new PlanError(
        `${where}: ${at}: ${what} reads column \`${ref.column}\` of \`${ref.step}\`, which is not there.`,
      );
  };
  for (const part of parts) {
    for (const ref of Object.values(part.inputs).flat()) resolve(ref, `part \`${part.id}\``);
    for (const { name } of part.outputs) known.add(keyOf({ step: part.id, column: name }));
  }
  const { outputs } = step.params as OpParams["fused"];
  for (const { name } of step.outputs) {
    if (!Object.hasOwn(outputs, name)) throw new PlanError(`${where}: ${at}.params.outputs has no \`${name}\`.`);
    resolve(outputs[name]!, `output \`${name}\``);
  }
  return parts;
}

export const keyOf = ({ step, column }: Pick<ColumnRef, "step" | "column">): string => `${step}\n${column}`;

function checkReferences(plan: Plan, where: string): void {
  const known = new Map<string, ReadonlySet<string>>([[REQUEST_STEP, new Set(plan.inputs.map(c => c.name))]]);
  const rows = new Set([REQUEST_ROWS, ...(plan.stage?.rows.map(({ id }) => id) ?? [])]);
  const strange = plan.inputs.find(c => !rows.has(c.rows));
  if (strange)
    throw new PlanError(
      `${where}: input \`${strange.name}\` has the rows \`${strange.rows}\`, and a request brings \`${[...rows].join("`, `")}\`.`,
    );
  const resolve = (ref: ColumnRef, at: string) => {
    if (!known.get(ref.step)?.has(ref.column))
      throw new PlanError(
        `${where}: ${at} reads column \`${ref.column}\` of step \`${ref.step}\`, which no earlier step makes.`,
      );
  };
  for (const step of plan.steps) {
    if (known.has(step.id)) throw new PlanError(`${where}: two steps have the id \`${step.id}\`.`);
    for (const [port, refs] of Object.entries(step.inputs))
      for (const ref of refs) resolve(ref, `step \`${step.id}\` (${step.op}), port \`${port}\``);
    rows.add(step.id);
    for (const col of step.outputs)
      if (!rows.has(col.rows))
        throw new PlanError(
          `${where}: step \`${step.id}\`, column \`${col.name}\`: no earlier step makes the rows \`${col.rows}\`.`,
        );
    known.set(step.id, new Set(step.outputs.map(c => c.name)));
  }
  for (const { ref } of plan.outputs) resolve(ref, `output \`${ref.name}\``);
  for (const [name, outputs] of Object.entries(plan.subgraphs ?? {}))
    for (const { ref } of outputs) resolve(ref, `subgraph \`${name}\`, output \`${ref.name}\``);
  const wrong = plan.log && planLogFault(plan.log, (step, column) => schemaIn(plan, step, column));
  if (wrong !== undefined) throw new PlanError(`${where}: ${wrong}. Build it again with \`merlon build\`.`);
}

const schemaIn = ({ inputs, steps }: Plan, step: string, column: string): ColumnSchema | undefined =>
  (step === REQUEST_STEP ? inputs : (steps.find(({ id }) => id === step)?.outputs ?? [])).find(c => c.name === column);

function check<T extends z.ZodType>(schema: T, value: unknown, where: string, at: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = [at, issue.path.join(".")].filter(Boolean).join(".");
  throw new PlanError(`${where}: ${path || "the document"}: ${issue.message}.`);
}
