/**
 * Plan → a function from request columns to answer columns. Each step runs once; a step starts as soon as the steps it reads are done, so
 * independent branches overlap where they wait for something.
 */
import { type ColumnRef, type FittedPlan, type FittedStep, type Plan, REQUEST_STEP } from "../../../contract/plan.js";
import { shadowsOf, withoutShadows } from "../../../contract/shadows.js";
import type { Column, Rows } from "../../base/columns/table.js";
import { invalid, RuntimeFault } from "../../base/errors.js";
import { cachedKernel } from "../cache/cached-kernel.js";
import { isChoice } from "./branches.js";
import type {
  FilteredSearch,
  PrepareContext,
  PreparedKernel,
  PreparePlanContext,
  PrepareStep,
  RunContext,
} from "./kernel.js";
import { type Layout, layOut, type Prepared, type Slots, slotsOf, stagesOf } from "./layout.js";
import type { ExecutablePlan, PlanResult, StageRun } from "./plan-result.js";
import { isOfRow, runRowByRow } from "./row-by-row.js";
import { rowsAreIndependent } from "./row-independence.js";
import { createNotes, nameFault, type RunNotes, rowsRead, runStages } from "./run-stages.js";
import { ShadowRuns } from "./shadow-runs.js";
import { createCounters } from "./stage-counters.js";

/**
 * Prepares every step, in order.
 * @throws RuntimeFault naming the step and the artefact; steps prepared before are closed
 */
export async function preparePlanWith(
  prepareKernel: PrepareStep,
  whole: FittedPlan,
  { middleware, ...given }: PreparePlanContext,
): Promise<ExecutablePlan> {
  const context: PrepareContext = { ...given, schemaOf: ref => schemaIn(whole, ref), storeFiles: new Map() };
  const kernels: PreparedKernel[] = [];
  const counters = whole.steps.map(createCounters);
  let shadows: readonly ShadowRuns[] = [];
  // Each, though another one fails: what it holds is native memory, a connection or a thread.
  const close = async () => {
    await Promise.all(shadows.map(shadow => shadow.close()));
    const ended = await Promise.allSettled(kernels.map(async kernel => kernel.close?.()));
    for (const end of ended) if (end.status === "rejected") throw end.reason;
  };
  try {
    for (const [i, step] of whole.steps.entries()) {
      const prepare = () => prepareKernel(step, context);
      const kernel = await prepareStep(step, prepare, middleware);
      if (kernel.parts) counters[i]!.parts = kernel.parts.map(part => Object.assign(part, { leftOut: 0 }));
      if (kernel.joins?.length) counters[i]!.joins = kernel.joins;
      if (kernel.arms) counters[i]!.arms = kernel.arms;
      if (kernel.shadow) counters[i]!.shadow = kernel.shadow.counters;
      kernels.push(step.cache ? cachedKernel(step, step.cache, kernel, context, counters[i]!) : kernel);
    }
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }
  const plan = withoutShadows(whole);
  const slots = slotsOf(whole);
  const prepared: Prepared = new Map(
    whole.steps.map(({ id }, i) => [id, { kernel: kernels[i]!, counters: counters[i]! }]),
  );
  const layout = layOut(plan, slots, prepared);
  shadows = openShadows(whole, slots, prepared, given);
  const names = plan.inputs.map(({ name }) => name);
  const chooses = plan.steps.some(isChoice);
  const offer = (run: Run, runContext: RunContext): Run => {
    for (const shadow of shadows) shadow.offer(run.slots, runContext);
    return run;
  };
  return {
    plan,
    counters,
    rowsAreIndependent: areIndependent(plan, prepared),
    run(inputs, runContext) {
      const given = names.map(name => inputs.get(name));
      const run = new Run(layout);
      const running = run.start(given, runContext);
      const request = given[0]?.rows;
      if (chooses && request && request.count > 1)
        return withOwnFaults({ layout, run, running, offer }, inputs, request, runContext);
      if (shadows.length === 0) return running ? running.then(() => run) : run;
      return running ? running.then(() => offer(run, runContext)) : offer(run, runContext);
    },
    transform(inputs, runContext) {
      const run = new Run(layout);
      const running = run.start(inputs, runContext);
      return running ? running.then(() => run.answer()) : run.answer();
    },
    close,
  };
}

/** True if the rows of several requests can run together. */
const areIndependent = (plan: Plan, prepared: Prepared): boolean =>
  rowsAreIndependent(plan) && !plan.steps.some(({ id }) => prepared.get(id)!.kernel.mixesRows);

/** The branches that run beside responses. */
function openShadows(
  plan: FittedPlan,
  slots: Slots,
  prepared: Prepared,
  { models, memory, onNote }: PrepareContext,
): readonly ShadowRuns[] {
  return shadowsOf(plan).map(({ step, steps, main, other }) => {
    const outputs = other.map(ref => ({ ref, schema: schemaIn(plan, ref)! }));
    const part = { ...plan, steps, outputs };
    const { kernel, counters } = prepared.get(step.id)!;
    return new ShadowRuns(
      {
        step,
        kernel: kernel.shadow!,
        counters,
        stages: stagesOf(part, slots, prepared),
        slots,
        main,
        other,
        rowsAreIndependent: areIndependent(part, prepared),
      },
      { models, memory, onNote },
    );
  });
}

interface Started {
  readonly layout: Layout;
  readonly run: Run;
  readonly running: Promise<void> | undefined;
  offer(run: Run, context: RunContext): Run;
}

/** The run of all rows. If a fault may be one row's own, one run for each row: a row's result does not depend on other rows. */
async function withOwnFaults(
  { layout, run, running, offer }: Started,
  inputs: ReadonlyMap<string, Column>,
  request: Rows,
  context: RunContext,
): Promise<PlanResult> {
  try {
    await running;
    if (!run.hasRowFault) return offer(run, context);
  } catch (error) {
    if (!(error instanceof RuntimeFault) || !isOfRow(error)) throw error;
  }
  const { seeds, ...own } = context;
  // Each row would count as a request.
  const shared = { ...own, uncounted: true };
  return runRowByRow(layout.plan, inputs, request, async (columns, row) => {
    const one = new Run(layout);
    const given = layout.plan.inputs.map(({ name }) => columns.get(name));
    const ownContext = seeds ? { ...shared, seed: seeds[row]! } : shared;
    await one.start(given, ownContext);
    return offer(one, ownContext);
  });
}

const schemaIn = ({ inputs, steps }: Plan, { step, column }: ColumnRef) =>
  (step === REQUEST_STEP ? inputs : steps.find(({ id }) => id === step)?.outputs)?.find(({ name }) => name === column);

async function prepareStep(
  step: FittedStep,
  prepare: () => PreparedKernel | Promise<PreparedKernel>,
  middleware: PreparePlanContext["middleware"],
): Promise<PreparedKernel> {
  try {
    return await (middleware ? middleware(step, prepare) : prepare());
  } catch (error) {
    throw nameFault(step, error, error instanceof Error ? error.message : "internal error");
  }
}

/** With the time of each author's step, where several are fused. */
function timed(context: RunContext, notes: RunNotes): RunContext {
  const parts = new Map<string, number>();
  notes.parts = parts;
  return { ...context, onPart: (step, microseconds) => parts.set(step, (parts.get(step) ?? 0) + microseconds) };
}

/** With the filtered searches of each step. */
function explained(context: RunContext, notes: RunNotes): RunContext {
  const searches = new Map<string, FilteredSearch[]>();
  notes.searches = searches;
  const onSearch = (step: string, search: FilteredSearch): void =>
    void searches.set(step, [...(searches.get(step) ?? []), search]);
  return { ...context, onSearch };
}

const NOTHING: ReadonlyMap<string, never> = new Map<string, never>();

/** A class, since there is one for each request: a getter in an object literal would give each a hidden class of its own. */
class Run implements PlanResult {
  readonly #layout: Layout;
  readonly #slots: (Column | undefined)[];
  readonly #notes: RunNotes;

  constructor(layout: Layout) {
    this.#layout = layout;
    this.#slots = new Array<Column | undefined>(layout.slots.count);
    this.#notes = createNotes(layout.stages);
  }

  /** @returns nothing when all stages answered at once */
  start(given: readonly (Column | undefined)[], context: RunContext): Promise<void> | undefined {
    const { plan, stages, asksTwice } = this.#layout;
    const slots = this.#slots;
    for (let i = 0; i < plan.inputs.length; i++) {
      slots[i] = given[i];
      if (slots[i] === undefined)
        return Promise.reject(invalid(`plan \`${plan.name}\` got no column \`${plan.inputs[i]?.name}\`.`));
    }
    const whole = asksTwice ? { ...context, seen: new Map<object, unknown>() } : context;
    const wanted = context.parameters.get("timings") === true ? timed(whole, this.#notes) : whole;
    const noted = context.parameters.get("explain") === true ? explained(wanted, this.#notes) : wanted;
    return runStages(stages, slots, noted, this.#notes);
  }

  /** All columns of the run by their places. */
  get slots(): readonly (Column | undefined)[] {
    return this.#slots;
  }

  /** Answer columns in the order of the plan's outputs. */
  answer(): Column[] {
    return this.#layout.outputs.map(slot => this.#slots[slot]!);
  }

  get columns(): Map<string, Column> {
    const { plan, outputs } = this.#layout;
    return new Map(plan.outputs.map(({ schema }, i) => [schema.name, this.#slots[outputs[i]!]!]));
  }

  get parts(): ReadonlyMap<string, number> {
    return this.#notes.parts ?? NOTHING;
  }

  get searches(): ReadonlyMap<string, readonly FilteredSearch[]> {
    return this.#notes.searches ?? NOTHING;
  }

  get fallbacks(): ReadonlyMap<string, string> {
    return this.#notes.fallbacks ?? NOTHING;
  }

  get leftOut(): PlanResult["leftOut"] {
    return this.#notes.leftOut ?? NOTHING;
  }

  get sides(): PlanResult["sides"] {
    return this.#notes.sides ?? NOTHING;
  }

  /** Whether a fallback was taken for a fault that may be one row's own. */
  get hasRowFault(): boolean {
    return this.#notes.rowFault === true;
  }

  get timings(): ReadonlyMap<string, number> {
    return new Map(this.runs.map(({ step, began, ended }) => [step.id, Math.round((ended - began) * 1000)]));
  }

  get runs(): readonly StageRun[] {
    const { began, ended } = this.#notes;
    return this.#layout.stages.flatMap(({ step, ports, firstOutput }, i): StageRun[] => {
      if (Number.isNaN(ended[i])) return [];
      const rowsIn = rowsRead(ports, this.#slots);
      return [{ step, began: began[i]!, ended: ended[i]!, rowsIn, rowsOut: this.#slots[firstOutput]?.rows.count ?? 0 }];
    });
  }

  // Readers take it from the record.
  readonly columnOf = (step: string, column: string): Column | undefined =>
    this.#slots[this.#layout.slots.of({ step, column })];
}
