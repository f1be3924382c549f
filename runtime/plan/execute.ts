/**
 * Plan → a function from request columns to answer columns. Each step runs once; a step starts as soon as the steps it reads are done, so
 * independent branches overlap where they wait for something.
 */
import { type AnyStep, type ColumnRef, type Plan, REQUEST_STEP } from "../../triton-protos/plan.js";
import { RuntimeFault } from "../errors.js";
import { prepareKernel } from "../kernels/index.js";
import { keepsRowsApart } from "./apart.js";
import { type Guard, guards } from "./branches.js";
import { cachedKernel } from "./cached-kernel.js";
import type { PreparedKernel, PreparePlanContext, RunContext } from "./kernel.js";
import { createNotes, nameFault, type RunNotes, runStages, type Stage } from "./run-stages.js";
import { createTally, type StageTally } from "./stage-tally.js";
import type { Column } from "./table.js";

export interface PlanResult {
  /** Answer columns by the name they have on the wire. */
  readonly columns: Map<string, Column>;
  /** Microseconds per step id, waiting included. */
  readonly timings: ReadonlyMap<string, number>;
  /** The same for the parts of fused steps, where the request asks for `timings`. */
  readonly parts: ReadonlyMap<string, number>;
  /** Why a fallback was taken, by step id. */
  readonly fallbacks: ReadonlyMap<string, string>;
  /** Stages that ran, in the order of the plan. */
  readonly runs: readonly StageRun[];
  /** Any column of the run, for those who ask what happened. */
  columnOf(step: string, column: string): Column | undefined;
}

/** One stage of one run; times on the clock of `performance.now()`, rows of its first input and its first output. */
export interface StageRun {
  readonly step: AnyStep;
  readonly began: number;
  readonly ended: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
}

export interface ExecutablePlan {
  readonly plan: Plan;
  /** What each stage has done since the plan was loaded. */
  readonly tallies: readonly StageTally[];
  /** Whether a row's answer is the same whatever other rows stand beside it. */
  readonly keepsRowsApart: boolean;
  /**
   * @param inputs every request column of the plan, all on the same rows
   * @returns at once where no stage has to wait @throws RuntimeFault naming step, column and row
   */
  run(inputs: ReadonlyMap<string, Column>, context: RunContext): PlanResult | Promise<PlanResult>;
  close(): Promise<void>;
}

/**
 * Prepares every step, in order.
 * @throws RuntimeFault naming the step and the artefact; steps prepared before are closed
 */
export async function preparePlan(plan: Plan, { around, ...context }: PreparePlanContext): Promise<ExecutablePlan> {
  const kernels: PreparedKernel[] = [];
  const tallies = plan.steps.map(createTally);
  let apart = keepsRowsApart(plan);
  const close = async () => {
    for (const kernel of kernels) await kernel.close?.();
  };
  try {
    for (const [i, step] of plan.steps.entries()) {
      const prepare = () => prepareKernel(step, context);
      const kernel = await prepareStep(step, prepare, around);
      if (kernel.mixesRows) apart = false;
      kernels.push(step.cache ? cachedKernel(step, step.cache, kernel, context, tallies[i]!) : kernel);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const layout = layOut(plan, kernels, tallies);
  const run: ExecutablePlan["run"] = (inputs, runContext) => runPlan(layout, inputs, runContext);
  return { plan, tallies, keepsRowsApart: apart, run, close };
}

async function prepareStep(
  step: AnyStep,
  prepare: () => PreparedKernel | Promise<PreparedKernel>,
  around: PreparePlanContext["around"],
): Promise<PreparedKernel> {
  try {
    return await (around ? around(step, prepare) : prepare());
  } catch (error) {
    throw nameFault(step, error, error instanceof Error ? error.message : "internal error");
  }
}

/** Stages, and a place among a run's columns for each column of the plan; request columns come first. */
interface Layout {
  readonly plan: Plan;
  readonly stages: readonly Stage[];
  readonly slots: number;
  slotOf(ref: Pick<ColumnRef, "step" | "column">): number;
}

function layOut(plan: Plan, kernels: readonly PreparedKernel[], tallies: readonly StageTally[]): Layout {
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
  const sources = plan.steps.map(
    step => new Set(Object.values(step.inputs).flatMap(refs => refs.flatMap(ref => indexOf.get(ref.step) ?? []))),
  );
  const guard = guards(plan);
  const stages = plan.steps.map((step, i): Stage => {
    const ports = Object.entries(step.inputs).map(([port, refs]) => [port, refs.map(slotOf)] as const);
    const readers = sources.flatMap((read, reader) => (read.has(i) ? reader : []));
    const reads = [...sources[i]!];
    return {
      step,
      kernel: kernels[i]!,
      tally: tallies[i]!,
      ports,
      firstOutput: firstOutputs[i]!,
      readers,
      reads,
      guard: guard[i],
      waitsFor: conditionsAbove(plan, guard, i),
    };
  });
  return { plan, stages, slotOf, slots: places.size };
}

/** Choices by condition whose sides the step is in, however deep. */
function conditionsAbove(plan: Plan, guard: readonly (Guard | undefined)[], step: number): readonly number[] {
  const above = guard[step]?.choice;
  if (above === undefined) return [];
  return [...(plan.steps[above]!.op === "choose" ? [above] : []), ...conditionsAbove(plan, guard, above)];
}

/** With the time of each author's step, where several are fused. */
const timed = (context: RunContext, { parts }: RunNotes): RunContext => ({
  ...context,
  onPart: (step, microseconds) => parts.set(step, (parts.get(step) ?? 0) + microseconds),
});

function runPlan(
  { plan, stages, slotOf, slots }: Layout,
  inputs: ReadonlyMap<string, Column>,
  context: RunContext,
): PlanResult | Promise<PlanResult> {
  const columns = new Array<Column | undefined>(slots);
  for (const [i, { name }] of plan.inputs.entries()) {
    columns[i] = inputs.get(name);
    if (columns[i] === undefined)
      return Promise.reject(new RuntimeFault("INVALID_ARGUMENT", `plan \`${plan.name}\` got no column \`${name}\`.`));
  }
  const notes = createNotes(stages);
  const answer = (): PlanResult => ({
    columns: new Map(plan.outputs.map(({ ref, schema }) => [schema.name, columns[slotOf(ref)]!])),
    parts: notes.parts,
    fallbacks: notes.fallbacks,
    get timings() {
      return new Map(this.runs.map(({ step, began, ended }) => [step.id, Math.round((ended - began) * 1000)]));
    },
    get runs() {
      return stages.flatMap(({ step, ports, firstOutput }, i): StageRun[] => {
        const [began, ended] = [notes.began[i]!, notes.ended[i]!];
        if (Number.isNaN(ended)) return [];
        const first = ports[0]?.[1][0];
        const rowsIn = first === undefined ? 0 : (columns[first]?.rows.count ?? 0);
        return [{ step, began, ended, rowsIn, rowsOut: columns[firstOutput]?.rows.count ?? 0 }];
      });
    },
    columnOf: (step, column) => columns[slotOf({ step, column })],
  });
  const running = runStages(
    stages,
    columns,
    context.parameters.get("timings") === true ? timed(context, notes) : context,
    notes,
  );
  return running ? running.then(answer) : answer();
}
