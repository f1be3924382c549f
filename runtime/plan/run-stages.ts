/**
 * One run of a plan's stages: columns in slots → the same slots, filled. A stage starts when the stages it reads are done; one that answers
 * at once frees its readers without a turn of the event loop; after a fault or an abort none starts.
 */
import type { AnyStep } from "../../triton-protos/plan.js";
import { RuntimeFault } from "../errors.js";
import type { Guard } from "./branches.js";
import { type Choices, choices } from "./choices.js";
import type { Inputs, PreparedKernel, RunContext } from "./kernel.js";
import type { Column } from "./table.js";

/** A step with its kernel, and with its columns' places in the run's slots. */
export interface Stage {
  readonly step: AnyStep;
  readonly kernel: PreparedKernel;
  readonly ports: readonly (readonly [port: string, slots: readonly number[]])[];
  readonly firstOutput: number;
  /** Stages that read this one. */
  readonly readers: readonly number[];
  /** Stages it reads. */
  readonly reads: readonly number[];
  /** The side of a fallback that alone needs it. */
  readonly guard?: Guard | undefined;
}

/** What a run has to tell beside its columns. */
export interface RunNotes {
  /** Microseconds per step id, waiting included. */
  readonly timings: Map<string, number>;
  /** Why a fallback was taken, by its step's id. */
  readonly fallbacks: Map<string, string>;
}

/** @param columns slots: request columns are there, the others are written */
export function runStages(
  stages: readonly Stage[],
  columns: (Column | undefined)[],
  context: RunContext,
  notes: RunNotes,
): Promise<void> {
  const waits = stages.map(stage => stage.reads.length);
  // A stack, so the first step of the plan goes last.
  const ready = stages.flatMap((stage, i) => (stage.reads.length === 0 ? i : [])).reverse();
  // What only one side of a fallback needs, nobody waits for.
  let open = stages.reduce((n, stage) => (stage.guard ? n : n + 1), 0);
  return new Promise((resolve, reject) => {
    let ended = false;
    let sides: Choices | undefined;
    const fail = (fault: RuntimeFault): void => {
      ended = true;
      sides?.close();
      reject(fault);
    };
    const fault = (i: number, error: unknown): void => {
      const named = nameFault(stages[i]!.step, error, "internal error");
      if (!sides?.takeFault(i, named)) fail(named);
    };
    const finish = (i: number, made: readonly Column[], began: number): void => {
      const stage = stages[i]!;
      if (sides?.isLost(i)) return;
      notes.timings.set(stage.step.id, Math.round((performance.now() - began) * 1000));
      if (made.length !== stage.step.outputs.length)
        throw new Error(`${made.length} columns were made and the plan says ${stage.step.outputs.length}`);
      for (let j = 0; j < made.length; j++) columns[stage.firstOutput + j] = made[j]!;
      if (!stage.guard) open--;
      for (const reader of stage.readers)
        if (stages[reader]!.step.op === "fallback") sides!.arrive(reader, i);
        else if (--waits[reader]! === 0) ready.push(reader);
    };
    const wait = async (i: number, made: Promise<readonly Column[]>, began: number): Promise<void> => {
      try {
        finish(i, await made, began);
      } catch (error) {
        fault(i, error);
      }
      drain();
    };
    const start = (i: number): void => {
      const stage = stages[i]!;
      if (sides?.isLost(i)) return;
      try {
        const began = performance.now();
        const made = stage.kernel.run(inputsOf(stage, columns, sides?.portOf(i)), sides?.contextOf(i) ?? context);
        if (made instanceof Promise) void wait(i, made, began);
        else finish(i, made, began);
      } catch (error) {
        fault(i, error);
      }
    };
    const drain = (): void => {
      while (ready.length > 0 && !ended) {
        if (context.signal?.aborted) fail(new RuntimeFault("CANCELLED", "the request was cancelled"));
        else start(ready.pop()!);
      }
      if (open > 0 || ended) return;
      ended = true;
      sides?.close();
      resolve();
    };
    if (stages.some(stage => stage.step.op === "fallback"))
      sides = choices(stages, context, notes.fallbacks, {
        ready: i => {
          ready.push(i);
        },
        fail,
        drain,
      });
    drain();
  });
}

/** @param only the one port that a fallback gets */
function inputsOf(stage: Stage, columns: readonly (Column | undefined)[], only: string | undefined): Inputs {
  const inputs: Record<string, Column[]> = {};
  for (const [port, slots] of stage.ports)
    if (only === undefined || port === only) inputs[port] = slots.map(slot => columns[slot]!);
  return inputs;
}

/**
 * Says which step a fault came from, unless it says so itself.
 * @param otherwise what is said of an error that is no fault; the error itself stays the cause
 */
export function nameFault(step: AnyStep, error: unknown, otherwise: string): RuntimeFault {
  const fault = RuntimeFault.from(error, otherwise);
  if (fault.message.startsWith("step `")) return fault;
  const message = `step \`${step.label}\` (${step.op}): ${fault.message}`;
  return new RuntimeFault(fault.code, message, { cause: fault.cause ?? fault });
}
