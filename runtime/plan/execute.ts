/**
 * Plan → a function from request columns to answer columns. Each step runs once; a step starts as soon as the steps it reads are done, so
 * independent branches overlap where they wait for something.
 */
import type { AnyStep, ColumnRef, Plan } from "../../triton-protos/plan.js";
import { REQUEST_STEP } from "../../triton-protos/plan.js";
import { RuntimeFault } from "../errors.js";
import { prepareKernel } from "../kernels/index.js";
import type { Inputs, PrepareContext, PreparedKernel, RunContext } from "./kernel.js";
import type { Column } from "./table.js";

export interface PlanResult {
  /** Answer columns by the name they have on the wire. */
  readonly columns: Map<string, Column>;
  /** Microseconds per step id, waiting included. */
  readonly timings: ReadonlyMap<string, number>;
}

export interface ExecutablePlan {
  readonly plan: Plan;
  /**
   * @param inputs every request column of the plan, all on the same rows
   * @throws RuntimeFault naming step, column and row
   */
  run(inputs: ReadonlyMap<string, Column>, context: RunContext): Promise<PlanResult>;
  close(): Promise<void>;
}

/** A step with its kernel, and with its columns' places in the run's slots. */
interface Stage {
  readonly step: AnyStep;
  readonly kernel: PreparedKernel;
  readonly ports: readonly (readonly [port: string, slots: readonly number[]])[];
  readonly firstOutput: number;
  /** Stages that read this one. */
  readonly readers: readonly number[];
  /** How many stages it reads. */
  readonly waits: number;
}

/**
 * Prepares every step, in order.
 * @throws RuntimeFault naming the step and the artefact; steps prepared before are closed
 */
export async function preparePlan(plan: Plan, context: PrepareContext): Promise<ExecutablePlan> {
  const kernels: PreparedKernel[] = [];
  const close = async () => {
    for (const kernel of kernels) await kernel.close?.();
  };
  try {
    for (const step of plan.steps) kernels.push(await named(step, () => prepareKernel(step, context)));
  } catch (error) {
    await close();
    throw error;
  }
  const { stages, slotOf, slots } = layOut(plan, kernels);
  return { plan, run: (inputs, runContext) => runPlan(plan, stages, slotOf, slots, inputs, runContext), close };
}

type SlotOf = (ref: Pick<ColumnRef, "step" | "column">) => number;

function layOut(plan: Plan, kernels: readonly PreparedKernel[]): { stages: Stage[]; slotOf: SlotOf; slots: number } {
  const places = new Map<string, number>();
  const key = (step: string, column: string) => `${step}\n${column}`;
  for (const col of plan.inputs) places.set(key(REQUEST_STEP, col.name), places.size);
  const firstOutputs = plan.steps.map(step => {
    const first = places.size;
    for (const col of step.outputs) places.set(key(step.id, col.name), places.size);
    return first;
  });
  const slotOf: SlotOf = ref => places.get(key(ref.step, ref.column))!;
  const indexOf = new Map(plan.steps.map((step, i) => [step.id, i]));
  const sources = plan.steps.map(
    step => new Set(Object.values(step.inputs).flatMap(refs => refs.flatMap(ref => indexOf.get(ref.step) ?? []))),
  );
  const stages = plan.steps.map((step, i): Stage => {
    const ports = Object.entries(step.inputs).map(([port, refs]) => [port, refs.map(slotOf)] as const);
    const readers = sources.flatMap((read, reader) => (read.has(i) ? reader : []));
    return { step, kernel: kernels[i]!, ports, firstOutput: firstOutputs[i]!, readers, waits: sources[i]!.size };
  });
  return { stages, slotOf, slots: places.size };
}

function runPlan(
  plan: Plan,
  stages: readonly Stage[],
  slotOf: SlotOf,
  slots: number,
  inputs: ReadonlyMap<string, Column>,
  context: RunContext,
): Promise<PlanResult> {
  const columns = new Array<Column | undefined>(slots);
  plan.inputs.forEach((col, i) => {
    columns[i] = inputs.get(col.name);
  });
  const missing = plan.inputs.find((_, i) => columns[i] === undefined);
  if (missing)
    return Promise.reject(
      new RuntimeFault("INVALID_ARGUMENT", `plan \`${plan.name}\` got no column \`${missing.name}\`.`),
    );
  const waits = stages.map(stage => stage.waits);
  const timings = new Map<string, number>();
  let open = stages.length;
  const answer = (): PlanResult => ({
    columns: new Map(plan.outputs.map(({ ref, schema }) => [schema.name, columns[slotOf(ref)]!])),
    timings,
  });
  return new Promise((resolve, reject) => {
    let failed = false;
    const fail = (error: unknown) => {
      failed = true;
      reject(error);
    };
    const ready = stages.flatMap((stage, i) => (stage.waits === 0 ? i : []));
    /** Runs what can run now; a step that answers at once frees its readers without a turn of the event loop. */
    const drain = () => {
      for (let i = ready.pop(); i !== undefined && !failed; i = ready.pop()) start(stages[i]!);
      if (open === 0 && !failed) resolve(answer());
    };
    const start = (stage: Stage) => {
      if (context.signal?.aborted) return fail(new RuntimeFault("CANCELLED", "the request was cancelled"));
      const began = performance.now();
      const done = (made: readonly Column[]) => {
        timings.set(stage.step.id, Math.round((performance.now() - began) * 1000));
        const { outputs } = stage.step;
        if (made.length !== outputs.length)
          return fail(
            new RuntimeFault(
              "INTERNAL",
              `${describe(stage.step)} made ${made.length} columns and its plan says ${outputs.length}.`,
            ),
          );
        for (let i = 0; i < made.length; i++) columns[stage.firstOutput + i] = made[i]!;
        open--;
        for (const reader of stage.readers) if (--waits[reader]! === 0) ready.push(reader);
      };
      try {
        const made = stage.kernel.run(gatherInputs(stage, columns), context);
        if (made instanceof Promise)
          made.then(
            result => {
              if (failed) return;
              done(result);
              drain();
            },
            error => fail(nameFault(stage.step, error)),
          );
        else done(made);
      } catch (error) {
        fail(nameFault(stage.step, error));
      }
    };
    ready.reverse();
    drain();
  });
}

function gatherInputs(stage: Stage, columns: readonly (Column | undefined)[]): Inputs {
  const inputs: Record<string, Column[]> = {};
  for (const [port, slots] of stage.ports) inputs[port] = slots.map(slot => columns[slot]!);
  return inputs;
}

const describe = (step: AnyStep): string => `step \`${step.label}\` (${step.op})`;

async function named<T>(step: AnyStep, prepare: () => T | Promise<T>): Promise<T> {
  try {
    return await prepare();
  } catch (error) {
    throw nameFault(step, error);
  }
}

/** Says which step a fault came from, unless it says so itself. */
function nameFault(step: AnyStep, error: unknown): RuntimeFault {
  const fault = RuntimeFault.from(
    error,
    `${describe(step)}: ${error instanceof Error ? error.message : "internal error"}`,
  );
  if (fault.message.startsWith("step `")) return fault;
  return new RuntimeFault(fault.code, `${describe(step)}: ${fault.message}`, { cause: fault.cause ?? fault });
}
