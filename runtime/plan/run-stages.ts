/**
 * One run of a plan's stages: columns in slots → the same slots, filled. A stage starts when the stages it reads are done; one that answers
 * at once frees its readers without a turn of the event loop; after a fault or an abort none starts.
 */
import type { AnyStep } from "../../triton-protos/plan.js";
import { RuntimeFault } from "../errors.js";
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
  /** How many stages it reads. */
  readonly waits: number;
}

/**
 * @param columns slots: request columns are there, the others are written
 * @param timings microseconds per step id are added
 */
export function runStages(
  stages: readonly Stage[],
  columns: (Column | undefined)[],
  context: RunContext,
  timings: Map<string, number>,
): Promise<void> {
  const waits = stages.map(stage => stage.waits);
  // A stack, so the first step of the plan goes last.
  const ready = stages.flatMap((stage, i) => (stage.waits === 0 ? i : [])).reverse();
  let open = stages.length;
  return new Promise((resolve, reject) => {
    let failed = false;
    const fail = (fault: RuntimeFault): void => {
      failed = true;
      reject(fault);
    };
    const finish = (stage: Stage, made: readonly Column[], began: number): void => {
      timings.set(stage.step.id, Math.round((performance.now() - began) * 1000));
      if (made.length !== stage.step.outputs.length)
        throw new Error(`${made.length} columns were made and the plan says ${stage.step.outputs.length}`);
      for (let i = 0; i < made.length; i++) columns[stage.firstOutput + i] = made[i]!;
      open--;
      for (const reader of stage.readers) if (--waits[reader]! === 0) ready.push(reader);
    };
    const wait = async (stage: Stage, made: Promise<readonly Column[]>, began: number): Promise<void> => {
      try {
        finish(stage, await made, began);
      } catch (error) {
        fail(nameFault(stage.step, error, "internal error"));
      }
      drain();
    };
    const start = (stage: Stage): void => {
      try {
        const began = performance.now();
        const made = stage.kernel.run(inputsOf(stage, columns), context);
        if (made instanceof Promise) void wait(stage, made, began);
        else finish(stage, made, began);
      } catch (error) {
        fail(nameFault(stage.step, error, "internal error"));
      }
    };
    const drain = (): void => {
      while (ready.length > 0 && !failed) {
        if (context.signal?.aborted) fail(new RuntimeFault("CANCELLED", "the request was cancelled"));
        else start(stages[ready.pop()!]!);
      }
      if (open === 0) resolve();
    };
    drain();
  });
}

function inputsOf(stage: Stage, columns: readonly (Column | undefined)[]): Inputs {
  const inputs: Record<string, Column[]> = {};
  for (const [port, slots] of stage.ports) inputs[port] = slots.map(slot => columns[slot]!);
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
