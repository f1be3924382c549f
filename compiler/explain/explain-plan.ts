/**
 * Plan and pass reports → explanation: the step of each column, its readers, its rows, and the steps that can run in parallel.
 */

import { artefactsOf, columnsAt, columnsReadBy, portsOf } from "../../contract/any-step.js";
import { exactDraw } from "../../contract/exact-draw.js";
import { type AnyStep, type Plan, REQUEST_STEP } from "../../contract/plan.js";
import { type ColumnSchema, printType, REQUEST_ROWS } from "../../contract/schema.js";
import { bringsRows, factsOf, sidesOf } from "../../contract/step-facts.js";
import { SPECS } from "../../operators/gen/specs.js";
import type { Described } from "../../operators/shared/spec/operator.js";
import type { PassReport } from "../4-plan/optimised.js";
import type { Program } from "../5-emit/build.js";
import { explainLayouts } from "./explain-layouts.js";
import type { ExplainedColumn, ExplainedLog, ExplainedRows, ExplainedStep, Explanation } from "./explanation.js";
import { columnSources, type WorkflowOf } from "./lineage.js";

export interface ExplainOptions {
  readonly origin: string;
  readonly passes: readonly PassReport[] | null;
  readonly workflowOf?: WorkflowOf;
  /** The compiled program, for the models of each layout. */
  readonly program?: Program;
}

/** Reader of a column that is answered. */
export const ANSWER = "answer";

function explainLog({ log, ...plan }: Plan): ExplainedLog | null {
  if (!log) return null;
  const { columns, hashed, candidates, retentionDays = null, item } = log;
  const draw = exactDraw(plan, item.schema.rows);
  return {
    columns: columns.map(({ schema }) => schema.name),
    hashed,
    rate: candidates === "shown" ? 0 : candidates.all,
    retentionDays,
    inexact: draw.exact ? null : draw.because,
  };
}

export function explainPlan(
  plan: Plan,
  { origin, passes, program, workflowOf = () => undefined }: ExplainOptions,
): Explanation {
  const key = (step: string, column: string) => `${step}\n${column}`;
  const readers = new Map<string, Set<string>>();
  const schemas = new Map<string, ColumnSchema>(plan.inputs.map(c => [key(REQUEST_STEP, c.name), c]));
  const read = (step: string, column: string, reader: string) => {
    const known = readers.get(key(step, column)) ?? new Set();
    readers.set(key(step, column), known.add(reader));
  };
  for (const step of plan.steps) {
    for (const ref of columnsReadBy(step)) read(ref.step, ref.column, step.id);
    for (const c of step.outputs) schemas.set(key(step.id, c.name), c);
  }
  for (const { ref } of plan.outputs) read(ref.step, ref.column, ANSWER);

  const explainColumn = (step: string, c: ColumnSchema, from: ExplainedColumn["from"]): ExplainedColumn => ({
    name: c.name,
    dtype: c.dtype,
    type: printType(c),
    shape: shapeOf(c),
    tags: c.tags,
    properties: c.properties,
    from,
    readers: [...(readers.get(key(step, c.name)) ?? [])],
  });
  const stages = new Map<string, number>([[REQUEST_STEP, 0]]);
  const explainStep = (step: AnyStep): ExplainedStep => {
    const sources = columnSources(step, workflowOf);
    const inputs = Object.entries(step.inputs).flatMap(([port, refs]) =>
      refs.map(ref => {
        const c = schemas.get(key(ref.step, ref.column))!;
        return { port, name: ref.name, type: printType(c), shape: shapeOf(c), step: ref.step, column: ref.column };
      }),
    );
    const stage = 1 + Math.max(0, ...inputs.map(i => stages.get(i.step)!));
    stages.set(step.id, stage);
    return {
      id: step.id,
      op: step.op,
      does: describeStep(step),
      ...(step.parts && {
        parts: step.parts.map(part => ({ id: part.id, op: part.op, does: describeStep(part), params: part.params })),
      }),
      stage,
      params: step.params,
      artefacts: artefactsOf(step),
      inputs,
      outputs: step.outputs.map((c, i) =>
        explainColumn(
          step.id,
          c,
          sources[i]!.map(({ step, column }) => ({ step, column })),
        ),
      ),
    };
  };
  return {
    format: "merlon/explanation",
    version: 1,
    kind: plan.kind,
    name: plan.name,
    origin,
    rows: explainRows(plan, schemas),
    inputs: plan.inputs.map(c => explainColumn(REQUEST_STEP, c, [])),
    steps: plan.steps.map(explainStep),
    outputs: plan.outputs.map(({ ref, schema }) => ({
      name: schema.name,
      type: printType(schema),
      shape: shapeOf(schema),
      step: ref.step,
      column: ref.column,
    })),
    log: explainLog(plan),
    passes,
    saved: sum(passes ?? []),
    layouts: program ? explainLayouts(program) : null,
  };
}

const shapeOf = ({ rows, list }: ColumnSchema): readonly (string | number)[] =>
  list ? [rows, list.min === list.max ? list.min : "*"] : [rows];

/** Candidates of a filter or a draw belong to whom the candidates they were taken from belong to. */
function explainRows(plan: Plan, schemas: ReadonlyMap<string, ColumnSchema>): ExplainedRows[] {
  const rows: ExplainedRows[] = [{ id: REQUEST_ROWS, parent: null, most: null }];
  for (const step of plan.steps) {
    if (!step.outputs.some(c => c.rows === step.id)) continue;
    const rowsAt = (port: string): ExplainedRows | undefined => {
      const first = columnsAt(step, port)?.[0];
      const taken = first && schemas.get(`${first.step}\n${first.column}`)?.rows;
      return rows.find(r => r.id === taken);
    };
    const gathered = factsOf(step.op).gathers && portsOf(step);
    // Either side's rows may be the answer, or all sources' together.
    const taken = (sidesOf(step) ?? gathered ?? ["input"]).map(rowsAt);
    const [from] = taken;
    const narrows = !bringsRows(step) && from !== undefined && from.parent !== null;
    const topk = "topk" in step.params ? step.params.topk : undefined;
    const bounds = taken.map(side => side?.most ?? null);
    const bound = () => bounds.reduce<number>((all, most) => (gathered ? all + most! : Math.max(all, most!)), 0);
    rows.push({
      id: step.id,
      parent: (narrows ? from?.parent : from?.id) ?? REQUEST_ROWS,
      most: topk ?? (narrows && !bounds.includes(null) ? bound() : null),
    });
  }
  return rows;
}

function sum(passes: readonly PassReport[]): Explanation["saved"] {
  const saved = { steps: 0, columns: 0, lookups: 0 };
  for (const { notes } of passes)
    for (const { saves } of notes) {
      saved.steps += saves.steps ?? 0;
      saved.columns += saves.columns ?? 0;
      saved.lookups += saves.lookups ?? 0;
    }
  return saved;
}

/** A step → what it does, in a few words, as its operator's spec says it. */
function describeStep(step: AnyStep): string {
  const describe = SPECS[step.op].describe as unknown as (step: Described<object>) => string;
  const does = describe({
    params: step.params,
    names: port => (columnsAt(step, port) ?? []).map(ref => ref.name).join(", "),
    has: port => columnsAt(step, port) !== undefined,
    parts: (step.parts ?? []).map(describeStep),
  });
  if (!step.cache) return does;
  const { ttlSeconds, maxRows, key } = step.cache;
  return `${does}; keeps ${maxRows} rows for ${ttlSeconds} s${key ? ` by ${key.join(", ")}` : ""}`;
}
