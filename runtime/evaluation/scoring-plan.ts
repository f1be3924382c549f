/**
 * The plan of a candidate ensemble → the part that computes scores of logged candidates from logged columns.
 *
 * From the scores of the plan's ordering, the steps above are followed. Steps that only compute are kept, and run again. Columns of the
 * request, of stores and of sources of candidates are read from the log. The plan's own `log` says under which names the log has them.
 */
import { columnsAt, columnsReadBy, mapPorts } from "../../contract/any-step.js";
import { exactDraw } from "../../contract/exact-draw.js";
import { expandFused } from "../../contract/expand-fused.js";
import type { ExposureColumnName } from "../../contract/exposures.js";
import { type ColumnRef, type FittedPlan, type FittedStep, REQUEST_STEP } from "../../contract/plan.js";
import type { ColumnSchema } from "../../contract/schema.js";
import { withoutShadows } from "../../contract/shadows.js";
import {
  bringsRows,
  changesRows,
  chooses,
  draws,
  factsOf,
  looksUp,
  orderingOf,
  passedBy,
  readsClock,
  readsOtherRows,
  readsRowNumber,
  sidesOf,
} from "../../contract/step-facts.js";
import type { DrawRule } from "../../operators/shared/spec/facts.js";
import { invalid } from "../base/errors.js";

/** The column of the log with the candidates' ids. */
export const ITEM = "item" satisfies ExposureColumnName;

export interface ScoringPlan {
  /** Its inputs are columns of the log, under the names that they have there; its one output is the score of each candidate. */
  readonly plan: FittedPlan;
  /** How lists are drawn by the scores; empty for an ordering by score. */
  readonly rule: DrawRule;
}

/** @throws RuntimeFault if the lists of the plan have no probability by scores, or its scores need a column that the log does not have */
export function scoringPlan(given: FittedPlan): ScoringPlan {
  const plan = expandFused(withoutShadows(given));
  const { item, score, rule } = orderingIn(plan);
  const steps = new Map<string, FittedStep>(plan.steps.map(step => [step.id, step]));
  const logged = loggedColumns(plan, steps, item);
  const inputs = new Map<string, ColumnSchema>();
  const kept = new Set<string>();
  const missing = new Set<string>();
  const hashes = hashedColumns(plan, steps);
  /** The needed ones of them, and their names in the log. */
  const hashed = new Map<string, string>();
  const follow = (ref: ColumnRef): ColumnRef => {
    const origin = originOf(ref, steps);
    const column = logged.get(keyOf(origin));
    const step = steps.get(origin.step);
    // A logged column that a step computes is the served ensemble's, whose step may have been another one.
    const isRead = column?.name === ITEM || !step || !computes(step);
    if (isRead && column) {
      inputs.set(column.name, column);
      return { name: ref.name, step: REQUEST_STEP, column: column.name };
    }
    const hash = hashes.get(keyOf(origin));
    if (isRead && hash !== undefined) hashed.set(textOf(origin, step), hash);
    else if (isRead) missing.add(textOf(origin, step));
    else if (!kept.has(step.id)) {
      kept.add(step.id);
      for (const read of columnsReadBy(step)) follow(read);
    }
    return { name: ref.name, step: origin.step, column: origin.column };
  };
  const output = follow(score);
  if (missing.size + hashed.size > 0) throw invalid(missingText(plan, [...missing], hashed));
  const used = plan.steps.filter(({ id }) => kept.has(id));
  const schema =
    output.step === REQUEST_STEP ? inputs.get(output.column)! : columnOf(steps.get(output.step)!, output.column);
  const { log: _, stage: _stage, subgraphs: _subgraphs, ...rest } = plan;
  return {
    plan: {
      ...rest,
      inputs: [...inputs.values()],
      steps: used.map(step => {
        const { cache: _cache, ...uncached } = step;
        return { ...uncached, inputs: mapPorts(step, follow) } as unknown as FittedStep;
      }),
      outputs: [{ ref: output, schema: { ...schema, name: "score" } }],
    },
    rule,
  };
}

interface OrderedBy {
  readonly item: ColumnRef;
  readonly score: ColumnRef;
  readonly rule: DrawRule;
}

function orderingIn(plan: FittedPlan): OrderedBy {
  const draw = exactDraw(plan);
  if (!draw.exact)
    throw invalid(`the lists of \`${plan.name}\` have no exact probability: ${draw.because}. ${draw.way}`);
  const step = plan.steps.find(({ id }) => id === draw.step);
  const order = step && orderingOf(step);
  const [score] = (step && columnsAt(step, "relevance")) ?? [];
  if (!step || !score || order === undefined || order === "by rule" || order === "by drawn scores")
    throw invalid(
      `the last step of \`${plan.name}\` is ${step ? `\`${step.label}\`` : "in another model"}, and lists have a probability by scores only if it is \`softmaxSampling\`, \`epsilonGreedy\` or \`topK\`. Put the others before it.`,
    );
  return {
    item: columnsAt(step, "input")![0]!,
    score,
    rule: typeof order === "object" ? order : {},
  };
}

/** Origins of the columns that the log has → their names and types there. */
function loggedColumns(
  { name, log, inputs }: FittedPlan,
  steps: ReadonlyMap<string, FittedStep>,
  item: ColumnRef,
): ReadonlyMap<string, ColumnSchema> {
  if (!log)
    throw invalid(
      `\`${name}\` has no \`log\`, which says which of its columns the log has. Give its \`ensemble\` the \`log\` of the ensemble that was served.`,
    );
  const origin = originOf(item, steps);
  const made =
    origin.step === REQUEST_STEP
      ? inputs.find(col => col.name === origin.column)!
      : columnOf(steps.get(origin.step)!, origin.column);
  const { list: _, ...scalar } = made;
  return new Map([
    ...log.columns
      .filter(({ schema }) => !log.hashed.includes(schema.name))
      .map(({ ref, schema }) => [keyOf(originOf(ref, steps)), schema] as const),
    [keyOf(origin), { ...scalar, name: ITEM }],
  ]);
}

/** Origins of the columns that the log has as hashes → their names there. */
const hashedColumns = ({ log }: FittedPlan, steps: ReadonlyMap<string, FittedStep>): ReadonlyMap<string, string> =>
  new Map(
    (log?.columns ?? []).flatMap(({ ref, schema: { name } }) =>
      log!.hashed.includes(name) ? [[keyOf(originOf(ref, steps)), name] as const] : [],
    ),
  );

/** The column that a column is, behind steps that only pass it on or leave rows out: candidates are matched by id. */
export function originOf(ref: ColumnRef, steps: ReadonlyMap<string, FittedStep>): ColumnRef {
  const step = steps.get(ref.step);
  const place = step ? step.outputs.findIndex(({ name }) => name === ref.column) : -1;
  if (!step || place < 0) return ref;
  const { leavesOut, describes } = factsOf(step.op);
  const { input } = step.inputs;
  const renames = describes !== false && input.length === step.outputs.length;
  const passed = leavesOut
    ? input.find(({ name }) => name === ref.column)
    : renames
      ? input[place]
      : passedBy(step)?.columns[place];
  return passed ? originOf(passed, steps) : ref;
}

/** Whether a step computes each candidate's columns from those of the same list, and would compute the same again. */
export const computes = (step: FittedStep): boolean =>
  !(
    changesRows(step) ||
    bringsRows(step) ||
    chooses(step) ||
    looksUp(step.op) ||
    draws(step) ||
    readsOtherRows(step) ||
    readsRowNumber(step) ||
    readsClock(step) ||
    sidesOf(step)
  );

export const keyOf = ({ step, column }: ColumnRef): string => `${step}\n${column}`;
const columnOf = (step: FittedStep, column: string): ColumnSchema => step.outputs.find(({ name }) => name === column)!;

const textOf = ({ step: id, column }: ColumnRef, step: FittedStep | undefined): string =>
  `${step?.label.split(".", 1)[0] ?? id}["${column}"]`;

function missingText({ name }: FittedPlan, absent: readonly string[], hashed: ReadonlyMap<string, string>): string {
  const listed = (texts: Iterable<string>): string => [...texts].map(one => `\`${one}\``).join(", ");
  const it = absent.length === 1 ? "it" : "them";
  const faults = [
    ...(absent.length > 0
      ? [
          `the scores of \`${name}\` need ${listed(absent)}, which the log does not have. Log ${it}: \`log: { columns: [${absent.join(", ")}, …], candidates: { all: 1 } }\`.`,
        ]
      : []),
    ...(hashed.size > 0
      ? [
          `the scores of \`${name}\` need ${listed(hashed.keys())}, of which the log has a hash. Take ${listed(hashed.values())} out of \`personal\`, or score without ${hashed.size === 1 ? "it" : "them"}.`,
        ]
      : []),
  ];
  return faults.join(" ");
}
