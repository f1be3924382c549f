/**
 * A served plan with a log → the part that computes logged columns from other logged columns.
 *
 * Each column is followed up to the nearest columns that the log has, so that a difference belongs to the steps between them. Columns of
 * the request, of searches and of stores are inputs as they were logged.
 */
import { columnsAt, columnsReadBy, mapPorts } from "../../../contract/any-step.js";
import { expandFused } from "../../../contract/expand-fused.js";
import { type ColumnRef, type FittedPlan, type FittedStep, REQUEST_STEP } from "../../../contract/plan.js";
import type { PlanLog } from "../../../contract/plan-log.js";
import { type ColumnSchema, column, REQUEST_ROWS } from "../../../contract/schema.js";
import { withoutShadows } from "../../../contract/shadows.js";
import {
  bringsRows,
  changesRows,
  chooses,
  draws,
  factsOf,
  looksUp,
  readsClock,
  sidesOf,
} from "../../../contract/step-facts.js";
import { computes, ITEM, keyOf, originOf } from "../scoring-plan.js";

/** A logged column that can be compared. */
export interface Checked {
  /** Its name in the log. */
  readonly name: string;
  readonly schema: ColumnSchema;
  readonly step: FittedStep;
  /** The step's own name of the column. */
  readonly output: string;
  /** The log has null for an item that is not among the column's own rows. */
  readonly isPartial: boolean;
}

export interface NotChecked {
  readonly column: string;
  readonly reason: string;
}

export interface CheckPlan {
  /** Its inputs are columns of the log. Its outputs are the computed columns, under their names there. */
  readonly plan: FittedPlan;
  readonly computed: readonly Checked[];
  /** Columns of stores. */
  readonly stored: readonly Checked[];
  readonly notChecked: readonly NotChecked[];
  /** Name in the log of the column that a column is; undefined if the log does not have it. */
  logged(ref: ColumnRef): ColumnSchema | undefined;
}

/** The log's own name of the score of the last ordering. */
export const SCORE = "score";

type LoggingPlan = FittedPlan & { readonly log: PlanLog };

/** @param isWhole the log has every candidate of each list */
export function checkPlan(given: LoggingPlan, isWhole: boolean): CheckPlan {
  const plan = expandFused(withoutShadows(given)) as LoggingPlan;
  const steps = new Map<string, FittedStep>(plan.steps.map(step => [step.id, step]));
  const logged = loggedColumns(plan, steps);
  const lookUp = (ref: ColumnRef): ColumnSchema | undefined => logged.get(keyOf(originIn(ref, steps)));
  const tracer = new Tracer(steps, lookUp, isWhole ? poolRows(plan) : undefined);
  const computed: Checked[] = [];
  const stored: Checked[] = [];
  const notChecked: NotChecked[] = [];
  const outputs: FittedPlan["outputs"][number][] = [];
  for (const { name, ref, schema } of targets(plan)) {
    const origin = originIn(ref, steps);
    const step = steps.get(origin.step);
    const place = { name, schema, output: origin.column, isPartial: !isOfPool(plan, schema.rows) };
    const reason = plan.log.hashed.includes(name) ? "kept as a hash" : reasonAgainst(step);
    if (reason !== undefined) notChecked.push({ column: name, reason });
    else if (looksUp(step!.op)) stored.push({ ...place, step: step! });
    else {
      const found = tracer.trace(step!);
      if (found !== undefined) notChecked.push({ column: name, reason: found });
      else {
        computed.push({ ...place, step: step! });
        outputs.push({ ref: { name, step: origin.step, column: origin.column }, schema: { ...schema, name } });
      }
    }
  }
  const drawn = "the list is not drawn again";
  notChecked.push(...["position", "propensity", "list_propensity"].map(name => ({ column: name, reason: drawn })));
  const order = (one: Checked): number => plan.steps.indexOf(one.step);
  return {
    plan: tracer.planOf(plan, outputs),
    computed: computed.sort((a, b) => order(a) - order(b)),
    stored: stored.sort((a, b) => order(a) - order(b)),
    notChecked,
    logged: lookUp,
  };
}

/** Kept columns, and the score of the last ordering. */
function targets(plan: LoggingPlan): readonly { name: string; ref: ColumnRef; schema: ColumnSchema }[] {
  const ordering = plan.steps.find(({ id }) => id === plan.log.item.schema.rows);
  const [score] = (ordering && columnsAt(ordering, "relevance")) ?? [];
  const kept = plan.log.columns.map(({ ref, schema }) => ({ name: schema.name, ref, schema }));
  if (!score) return kept;
  const rows = poolRows(plan) ?? plan.log.item.schema.rows;
  return [...kept, { name: SCORE, ref: score, schema: column(SCORE, "float64", { rows }) }];
}

/** Rows of the candidates of the last ordering. */
function poolRows({ steps, log }: LoggingPlan): string | undefined {
  const ordering = steps.find(({ id }) => id === log.item.schema.rows);
  const [pool] = (ordering && columnsAt(ordering, "input")) ?? [];
  return pool && steps.find(({ id }) => id === pool.step)?.outputs.find(({ name }) => name === pool.column)?.rows;
}

const isOfPool = (plan: LoggingPlan, rows: string): boolean => rows === REQUEST_ROWS || rows === poolRows(plan);

function loggedColumns(plan: LoggingPlan, steps: ReadonlyMap<string, FittedStep>): ReadonlyMap<string, ColumnSchema> {
  const { item, columns, ids, hashed } = plan.log;
  const { list: _, ...scalar } = item.schema;
  const ordering = steps.get(item.schema.rows);
  const [pool] = (ordering && columnsAt(ordering, "input")) ?? [];
  return new Map([
    ...columns
      .filter(({ schema }) => !hashed.includes(schema.name))
      .map(({ ref, schema }) => [keyOf(originIn(ref, steps)), schema] as const),
    // Rows of other sets are matched with items by these ids.
    ...[item.ref, ...(pool ? [pool] : []), ...ids.map(({ ref }) => ref)].map(
      ref => [keyOf(originIn(ref, steps)), { ...scalar, name: ITEM } as ColumnSchema] as const,
    ),
  ]);
}

/** The column that a column is; an id that a store passes on is the one that it was given. */
function originIn(ref: ColumnRef, steps: ReadonlyMap<string, FittedStep>): ColumnRef {
  const origin = originOf(ref, steps);
  const step = steps.get(origin.step);
  if (!step || !looksUp(step.op)) return origin;
  const { features } = step.params as { features?: Readonly<Record<string, string>> };
  const keys = columnsAt(step, "input") ?? [];
  const key = keys.length === 1 ? keys[0] : keys.find(({ name }) => name === origin.column);
  return features && !Object.hasOwn(features, origin.column) && key ? originIn(key, steps) : origin;
}

/** Why a step's columns cannot be made again; undefined if they can. */
function reasonAgainst(step: FittedStep | undefined): string | undefined {
  if (!step) return "a column of the request";
  if (bringsRows(step)) return `\`${step.label}\` searches, and is not run again`;
  if (draws(step)) return `\`${step.label}\` draws`;
  if (sidesOf(step)) return `\`${step.label}\` chooses between branches`;
  if (readsClock(step) && !looksUp(step.op)) return `\`${step.label}\` reads the clock`;
  if (chooses(step) || changesRows(step)) return `\`${step.label}\` changes the rows`;
  return looksUp(step.op) || computes(step) ? undefined : `\`${step.label}\` reads other rows of its request`;
}

/** Follows columns up to logged ones, and gathers the steps and inputs of all that can be computed. */
class Tracer {
  readonly #steps: ReadonlyMap<string, FittedStep>;
  readonly #logged: (ref: ColumnRef) => ColumnSchema | undefined;
  /** Rows that the log has as whole lists. */
  readonly #whole: string | undefined;
  readonly #kept = new Set<string>();
  readonly #inputs = new Map<string, ColumnSchema>();

  constructor(
    steps: ReadonlyMap<string, FittedStep>,
    logged: (ref: ColumnRef) => ColumnSchema | undefined,
    whole: string | undefined,
  ) {
    this.#steps = steps;
    this.#logged = logged;
    this.#whole = whole;
  }

  /** @returns why the step cannot be run; undefined if it can */
  trace(step: FittedStep): string | undefined {
    const kept = new Set<string>();
    const inputs = new Map<string, ColumnSchema>();
    const missing = new Set<string>();
    let reason: string | undefined;
    const follow = (one: FittedStep): void => {
      if (kept.has(one.id)) return;
      kept.add(one.id);
      if (factsOf(one.op).perUser && this.#whole === undefined)
        reason ??= `\`${one.label}\` reads all candidates of a list: log them with \`candidates: { all: 1 }\``;
      else if (factsOf(one.op).perUser && one.outputs.some(({ rows }) => rows !== this.#whole))
        reason ??= `\`${one.label}\` reads candidates that are not in the log`;
      for (const ref of columnsReadBy(one)) {
        const schema = this.#logged(ref);
        const origin = originIn(ref, this.#steps);
        const above = this.#steps.get(origin.step);
        if (schema) inputs.set(schema.name, schema);
        else if (above && computes(above)) follow(above);
        else missing.add(`${above?.label.split(".", 1)[0] ?? "request"}["${origin.column}"]`);
      }
    };
    follow(step);
    if (missing.size > 0)
      return `needs ${[...missing].map(one => `\`${one}\``).join(", ")}, which the log does not have`;
    if (reason !== undefined) return reason;
    for (const id of kept) this.#kept.add(id);
    for (const [name, schema] of inputs) this.#inputs.set(name, schema);
    return undefined;
  }

  planOf(plan: FittedPlan, outputs: FittedPlan["outputs"]): FittedPlan {
    const move = (ref: ColumnRef): ColumnRef => {
      const schema = this.#logged(ref);
      if (schema) return { name: ref.name, step: REQUEST_STEP, column: schema.name };
      const { step, column: name } = originIn(ref, this.#steps);
      return { name: ref.name, step, column: name };
    };
    const { log: _, stage: _stage, subgraphs: _subgraphs, ...rest } = plan;
    return {
      ...rest,
      inputs: [...this.#inputs.values()],
      steps: plan.steps
        .filter(({ id }) => this.#kept.has(id))
        .map(step => {
          const { cache: _cache, ...uncached } = step;
          return { ...uncached, inputs: mapPorts(step, move) } as unknown as FittedStep;
        }),
      outputs,
    };
  }
}
