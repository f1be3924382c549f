/**
 * Two plans → what changed from one to the other, step by step (steps are the same where their ids are), files included.
 */
import { stateOf } from "../../contract/any-step.js";
import type { AnyStep, Plan } from "../../contract/plan.js";
import { type ColumnSchema, printType } from "../../contract/schema.js";

/** A value of a step that differs; `undefined` where one side has none. */
export interface Change {
  /** `params.topk`, `input.price`, `makes price`, `file indexes/items.faiss`. */
  readonly what: string;
  readonly before?: string;
  readonly after?: string;
}

export interface StepDiff {
  readonly id: string;
  readonly kind: "added" | "removed" | "changed";
  readonly op: string;
  readonly changes: readonly Change[];
}

export interface PlanDiff {
  readonly format: "merlon/diff";
  readonly version: 1;
  readonly before: string;
  readonly after: string;
  readonly request: readonly Change[];
  readonly steps: readonly StepDiff[];
  readonly answer: readonly Change[];
  /** Steps that are the same in both. */
  readonly same: number;
}

export interface DiffSide {
  readonly plan: Plan;
  readonly origin: string;
  fingerprints(step: AnyStep): ReadonlyMap<string, string>;
}

export function diffPlans(before: DiffSide, after: DiffSide): PlanDiff {
  const [old, now] = [before, after].map(({ plan }) => new Map(plan.steps.map(step => [step.id, step])));
  const steps: StepDiff[] = [];
  for (const step of before.plan.steps)
    if (!now!.has(step.id)) steps.push({ id: step.id, kind: "removed", op: step.op, changes: [] });
  let same = 0;
  for (const step of after.plan.steps) {
    const was = old!.get(step.id);
    if (!was) {
      steps.push({ id: step.id, kind: "added", op: step.op, changes: [] });
      continue;
    }
    const changes = [
      ...changesOf(facts(was), facts(step)),
      ...changesOf(files(before.fingerprints(was)), files(after.fingerprints(step))),
    ];
    if (changes.length) steps.push({ id: step.id, kind: "changed", op: step.op, changes });
    else same++;
  }
  return {
    format: "merlon/diff",
    version: 1,
    before: before.origin,
    after: after.origin,
    request: changesOf(columns("", before.plan.inputs), columns("", after.plan.inputs)),
    steps,
    answer: changesOf(
      columns(
        "",
        before.plan.outputs.map(o => o.schema),
      ),
      columns(
        "",
        after.plan.outputs.map(o => o.schema),
      ),
    ),
    same,
  };
}

type Facts = ReadonlyMap<string, string>;

function facts(step: AnyStep): Facts {
  const inputs = Object.entries(step.inputs).flatMap(([port, refs]) =>
    refs.map(ref => [`${port} ${ref.name}`, `${ref.step}.${ref.column}`] as const),
  );
  return new Map([
    ["operator", step.op],
    ...leaves("params", step.params),
    ...leaves("state", stateOf(step)),
    ...leaves("artefacts", step.artefacts),
    ...inputs,
    ...columns("makes ", step.outputs),
    ...(step.parts ?? []).flatMap(part => [...facts(part)].map(([what, is]) => [`${part.id} ${what}`, is] as const)),
  ]);
}

const columns = (prefix: string, schema: readonly ColumnSchema[]): Map<string, string> =>
  new Map(schema.map(c => [`${prefix}${c.name}`, describeColumn(c)]));

const describeColumn = (c: ColumnSchema): string =>
  [
    printType(c),
    `on ${c.rows}`,
    c.tags.length ? `tags ${c.tags.join(", ")}` : "",
    Object.keys(c.properties).length ? JSON.stringify(c.properties) : "",
  ]
    .filter(Boolean)
    .join(" ");

const files = (fingerprints: Facts): Facts =>
  new Map([...fingerprints].map(([name, hash]) => [`file ${name}`, hash.slice(0, 12)]));

/** Every value in a document, by its path. */
function leaves(path: string, value: unknown): (readonly [string, string])[] {
  if (value === undefined) return [];
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[path, JSON.stringify(value)]];
  return Object.entries(value).flatMap(([name, inner]) => leaves(`${path}.${name}`, inner));
}

function changesOf(before: Facts, after: Facts): Change[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap(what => {
    const [was, is] = [before.get(what), after.get(what)];
    if (was === is) return [];
    return [{ what, ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) }];
  });
}
