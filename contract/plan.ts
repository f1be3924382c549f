/**
 * The plan: a versioned JSON document with steps, columns, dtypes, parameters and artefact names; no code.
 * A compiled ensemble and a fitted workflow are both plans. `parsePlan` is the only way in.
 */
import { z } from "zod";
import { artefactPath } from "./files/artefact-path.js";
import type { PathInside } from "./files/path-inside.js";
import { OP_PARAMS, type OpKind, type OpParams } from "./op-params.js";
import { OP_ARTEFACTS, OP_STATE, type OpState } from "./op-state.js";
import { type ColumnSchema, columnSchema, REQUEST_ROWS } from "./schema.js";

/** The pseudo step whose columns are the request's. */
export const REQUEST_STEP = "request";

const columnRef = z.strictObject({
  /** Name the step knows the column by. */
  name: z.string(),
  /** Step that makes it (`"request"` for a request column), and its name there. */
  step: z.string(),
  column: z.string(),
});
/** Where one input column of a step comes from. */
export type ColumnRef = Readonly<z.infer<typeof columnRef>>;

/** What a step keeps of the rows it has computed. */
export const stepCache = z.strictObject({
  /** How long a row's columns may be answered again. */
  ttlSeconds: z.number().positive(),
  /** Most rows kept; the one asked for longest ago goes first. */
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

const planOutput = z.strictObject({ ref: columnRef, schema: columnSchema });

const stageSchema = z.strictObject({
  /** The ensemble it is a stage of. */
  of: z.string().min(1),
  /**
   * Rows of the inputs other than the request's, parents first. `grouped` names the rows they belong to and the tensor that says how (INT32, one
   * more entry than those rows); without it they stand alone.
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
/** What a plan that is one stage of an ensemble says of its tensors; `column-tensors.ts` has their names. */
export type PlanStage = Readonly<z.infer<typeof stageSchema>>;

const planSchema = z.strictObject({
  format: z.literal("merlon/plan"),
  version: z.literal(1),
  kind: z.enum(["ensemble", "workflow"]),
  name: z.string().min(1),
  inputs: z.array(columnSchema),
  steps: z.array(stepSchema),
  outputs: z.array(planOutput),
  /** Named parts of a workflow that can be asked for alone. */
  subgraphs: z.record(z.string(), z.array(planOutput)).optional(),
  /** Present in a part of a plan that is served as one stage of a Triton ensemble. */
  stage: stageSchema.optional(),
});

/** One operator of a plan. `K` narrows parameters and state together. */
export interface Step<K extends OpKind = OpKind> {
  readonly id: string;
  readonly op: K;
  readonly label: string;
  readonly params: OpParams[K];
  readonly state?: K extends keyof OpState ? OpState[K] : undefined;
  readonly artefacts?: Readonly<Record<string, PathInside>>;
  readonly cache?: StepCache;
  readonly inputs: Readonly<Record<string, readonly ColumnRef[]>>;
  readonly outputs: readonly ColumnSchema[];
  /** Of a fused step: the author's steps that it does, in an order in which each comes after those it reads. */
  readonly parts?: readonly AnyStep[];
}

/** A step of any operator, as a union that `op` discriminates. */
export type AnyStep = { [K in OpKind]: Step<K> }[OpKind];

export interface Plan {
  readonly format: "merlon/plan";
  readonly version: 1;
  readonly kind: "ensemble" | "workflow";
  readonly name: string;
  /** Columns a request brings, in order. */
  readonly inputs: readonly ColumnSchema[];
  /** In an order in which each step comes after the steps it reads. */
  readonly steps: readonly AnyStep[];
  /** What is answered, in order; `schema.name` is the name on the wire. */
  readonly outputs: readonly { readonly ref: ColumnRef; readonly schema: ColumnSchema }[];
  /** Columns of each named part of a workflow. */
  readonly subgraphs?: Readonly<Record<string, Plan["outputs"]>>;
  /** Present in a part of a plan that is served as one stage of a Triton ensemble. */
  readonly stage?: PlanStage;
}

/** A plan document that does not hold together; the message names the place. */
export class PlanError extends Error {
  override readonly name = "PlanError";
}

/**
 * Reads a plan document.
 * @param text JSON
 * @param where file name, for messages
 * @throws PlanError with file, path inside the document, and what was expected
 */
export function parsePlan(text: string, where: string): Plan {
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
  const parsed = { ...plan, steps } as Plan;
  checkReferences(parsed, where);
  return parsed;
}

/** Prints a plan: byte-stable for equal plans. */
export const printPlan = (plan: Plan): string => `${JSON.stringify(plan, null, 2)}\n`;

function parseStep(step: z.infer<typeof stepSchema>, where: string, i: number): AnyStep {
  const at = `steps[${i}] (${step.op} "${step.label}")`;
  const params = check(OP_PARAMS[step.op], step.params, where, `${at}.params`);
  const stateSchema: z.ZodType | undefined = (OP_STATE as Partial<Record<OpKind, z.ZodType>>)[step.op];
  const state =
    stateSchema && step.state !== undefined ? check(stateSchema, step.state, where, `${at}.state`) : undefined;
  const artefactSchema: z.ZodType | undefined = (OP_ARTEFACTS as Partial<Record<OpKind, z.ZodType>>)[step.op];
  if (artefactSchema) check(artefactSchema, step.artefacts, where, `${at}.artefacts`);
  if (step.op === "fused") return { ...step, params, parts: parseParts(step, where, at) } as AnyStep;
  return { ...step, params, ...(state !== undefined && { state }) } as AnyStep;
}

function parseParts(step: z.infer<typeof stepSchema>, where: string, at: string): readonly AnyStep[] {
  const parts = check(z.array(stepSchema).min(1), step.parts, where, `${at}.parts`).map((part, i) => {
    if (part.op === "fused") throw new PlanError(`${where}: ${at}.parts[${i}]: a fused step has none of its own kind.`);
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

const keyOf = ({ step, column }: Pick<ColumnRef, "step" | "column">): string => `${step}\n${column}`;

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
}

function check<T extends z.ZodType>(schema: T, value: unknown, where: string, at: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = [at, issue.path.join(".")].filter(Boolean).join(".");
  throw new PlanError(`${where}: ${path || "the document"}: ${issue.message}.`);
}
