/**
 * Plan → a function from request columns to answer columns. Each step runs once; a step starts as soon as the steps it reads are done, so
 * independent branches overlap where they wait for something.
 */
import { columnsReadBy } from "../../../contract/any-step.js";
import { type ColumnRef, type FittedPlan, type FittedStep, type Plan, REQUEST_STEP } from "../../../contract/plan.js";
import { choosesByCondition, looksUp } from "../../../contract/step-facts.js";
import type { Column, Rows } from "../../base/columns/table.js";
import { RuntimeFault } from "../../base/errors.js";
import { cachedKernel } from "../cache/cached-kernel.js";
import { type Guard, guards, isChoice } from "./branches.js";
import type {
  FilteredSearch,
  PrepareContext,
  PreparedKernel,
  PreparePlanContext,
  PrepareStep,
  RunContext,
} from "./kernel.js";
import type { ExecutablePlan, PlanResult, StageRun } from "./plan-result.js";
import { isOfRow, runRowByRow } from "./row-by-row.js";
import { rowsAreIndependent } from "./row-independence.js";
import { createNotes, nameFault, orderAtOnce, type RunNotes, rowsRead, runStages } from "./run-stages.js";
import type { Stage } from "./stage.js";
import { createCounters, type StageCounters } from "./stage-counters.js";

/**
 * Prepares every step, in order.
 * @throws RuntimeFault naming the step and the artefact; steps prepared before are closed
 */
export async function preparePlanWith(
  prepareKernel: PrepareStep,
  plan: FittedPlan,
  { middleware, ...given }: PreparePlanContext,
): Promise<ExecutablePlan> {
  const context: PrepareContext = { ...given, schemaOf: ref => schemaIn(plan, ref), storeFiles: new Map() };
  const kernels: PreparedKernel[] = [];
  const counters = plan.steps.map(createCounters);
  let apart = rowsAreIndependent(plan);
  // Each, though another one fails: what it holds is native memory, a connection or a thread.
  const close = async () => {
    const ended = await Promise.allSettled(kernels.map(async kernel => kernel.close?.()));
    for (const end of ended) if (end.status === "rejected") throw end.reason;
  };
  try {
    for (const [i, step] of plan.steps.entries()) {
      const prepare = () => prepareKernel(step, context);
      const kernel = await prepareStep(step, prepare, middleware);
      if (kernel.mixesRows) apart = false;
      if (kernel.parts) counters[i]!.parts = kernel.parts.map(part => Object.assign(part, { leftOut: 0 }));
      if (kernel.arms) counters[i]!.arms = kernel.arms;
      kernels.push(step.cache ? cachedKernel(step, step.cache, kernel, context, counters[i]!) : kernel);
    }
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }
  const layout = layOut(plan, kernels, counters);
  const names = plan.inputs.map(({ name }) => name);
  const chooses = plan.steps.some(isChoice);
  return {
    plan,
    counters,
    rowsAreIndependent: apart,
    run(inputs, runContext) {
      const given = names.map(name => inputs.get(name));
      const run = new Run(layout);
      const running = run.start(given, runContext);
      const request = given[0]?.rows;
      if (chooses && request && request.count > 1)
        return withOwnFaults(layout, run, running, inputs, request, runContext);
      return running ? running.then(() => run) : run;
    },
    transform(inputs, runContext) {
      const run = new Run(layout);
      const running = run.start(inputs, runContext);
      return running ? running.then(() => run.answer()) : run.answer();
    },
    close,
  };
}

/** The run of all rows. If a fault may be one row's own, one run for each row: a row's result does not depend on other rows. */
async function withOwnFaults(
  layout: Layout,
  run: Run,
  running: Promise<void> | undefined,
  inputs: ReadonlyMap<string, Column>,
  request: Rows,
  context: RunContext,
): Promise<PlanResult> {
  try {
    await running;
    if (!run.hasRowFault) return run;
  } catch (error) {
    if (!(error instanceof RuntimeFault) || !isOfRow(error)) throw error;
  }
  const { seeds, ...shared } = context;
  return runRowByRow(layout.plan, inputs, request, async (columns, row) => {
    const one = new Run(layout);
    const given = layout.plan.inputs.map(({ name }) => columns.get(name));
    await one.start(given, seeds ? { ...shared, seed: seeds[row]! } : shared);
    return one;
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

/** Stages, and an index among a run's columns for each column of the plan; request columns are first. */
interface Layout {
  readonly plan: Plan;
  readonly stages: readonly Stage[];
  /** See `orderAtOnce`. */
  readonly order: readonly number[] | undefined;
  /** Whether several steps look features up, which a store may change between them. */
  readonly asksTwice: boolean;
  readonly slots: number;
  /** Slots of the answer's columns. */
  readonly outputs: readonly number[];
  slotOf(ref: Pick<ColumnRef, "step" | "column">): number;
}

function layOut(plan: Plan, kernels: readonly PreparedKernel[], counters: readonly StageCounters[]): Layout {
  const places = new Map<string, number>();
  const key = (step: string, column: string) => `${step}\n${column}`;
  for (const col of plan.inputs) places.set(key(REQUEST_STEP, col.name), places.size);
  const firstOutputs = plan.steps.map(step => {
    const first = places.size;
    for (const col of step.outputs) places.set(key(step.id, col.name), places.size);
    return first;
  });
  const slotOf: Layout["slotOf"] = ref => places.get(key(ref.step, ref.column))!;
  const indexOf = new Map(plan.steps.map((step, i) => [step.id, i]));
  const sources = plan.steps.map(step => new Set(columnsReadBy(step).flatMap(ref => indexOf.get(ref.step) ?? [])));
  const guard = guards(plan);
  const stages = plan.steps.map((step, i): Stage => {
    const ports = Object.entries(step.inputs).map(([port, refs]) => [port, refs.map(slotOf)] as const);
    const readers = sources.flatMap((read, reader) => (read.has(i) ? reader : []));
    const reads = [...sources[i]!];
    return {
      step,
      kernel: kernels[i]!,
      counters: counters[i]!,
      ports,
      firstOutput: firstOutputs[i]!,
      chooses: isChoice(step),
      readers,
      reads,
      guard: guard[i],
      waitsFor: conditionsAbove(plan, guard, i),
    };
  });
  const outputs = plan.outputs.map(({ ref }) => slotOf(ref));
  const asksTwice = plan.steps.filter(({ op }) => looksUp(op)).length > 1;
  return { plan, stages, order: orderAtOnce(stages), asksTwice, slotOf, slots: places.size, outputs };
}

/** Choices by condition whose sides the step is in, however deep. */
function conditionsAbove(plan: Plan, guard: readonly (Guard | undefined)[], step: number): readonly number[] {
  const above = guard[step]?.choice;
  if (above === undefined) return [];
  return [...(choosesByCondition(plan.steps[above]!.op) ? [above] : []), ...conditionsAbove(plan, guard, above)];
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
    this.#slots = new Array<Column | undefined>(layout.slots);
    this.#notes = createNotes(layout.stages);
  }

  /** @returns nothing when all stages answered at once */
  start(given: readonly (Column | undefined)[], context: RunContext): Promise<void> | undefined {
    const { plan, stages, order, asksTwice } = this.#layout;
    const slots = this.#slots;
    for (let i = 0; i < plan.inputs.length; i++) {
      slots[i] = given[i];
      if (slots[i] === undefined)
        return Promise.reject(
          new RuntimeFault("INVALID_ARGUMENT", `plan \`${plan.name}\` got no column \`${plan.inputs[i]?.name}\`.`),
        );
    }
    const whole = asksTwice ? { ...context, seen: new Map<object, unknown>() } : context;
    const wanted = context.parameters.get("timings") === true ? timed(whole, this.#notes) : whole;
    const noted = context.parameters.get("explain") === true ? explained(wanted, this.#notes) : wanted;
    return runStages(stages, order, slots, noted, this.#notes);
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
    this.#slots[this.#layout.slotOf({ step, column })];
}
