/**
 * The layer that puts functions in the place of stages, also while the server runs. A stage that is replaced from the start is not prepared,
 * so its model, index or store need not be there.
 */
import type { AnyStep, Plan } from "../../contract/plan.js";
import type { Inputs, PreparedKernel, RunContext } from "../engine/schedule/kernel.js";
import { emptyColumns, runStage, type StageFunction } from "../engine/schedule/stage-function.js";
import type { StepPlace } from "../engine/schedule/step-middleware.js";
import type { ModelMiddleware } from "../server/models/model-middleware.js";
import { stageNames, stepsOf } from "../server/models/stage-names.js";
import type { Mistakes } from "./mistakes.js";

export interface StageLayer {
  readonly middleware: ModelMiddleware;
  /** Plans that were loaded, by model. */
  readonly plans: ReadonlyMap<string, Plan>;
  /** @throws RangeError for a name that no loaded plan has */
  require(name: string): void;
  /** @throws RangeError as `require` does */
  set(name: string, act: StageFunction | undefined): void;
}

/** @param first functions that are there before any model is loaded */
export function createStageLayer(
  first: Readonly<Record<string, StageFunction>>,
  { note }: Pick<Mistakes, "note">,
): StageLayer {
  const functions = new Map(Object.entries(first));
  const plans = new Map<string, Plan>();
  /** The inputs of a replaced variable's first step, for the function that runs at its last. */
  const read = new WeakMap<RunContext, Map<string, Inputs>>();

  const replacing = ({ model, plan, step }: StepPlace) => {
    for (const [name, act] of functions) {
      const steps = stepsOf(model, plan, name);
      if (steps.includes(step)) return { name, act, steps };
    }
    return undefined;
  };

  const step = (
    place: StepPlace,
    prepare: () => PreparedKernel | Promise<PreparedKernel>,
  ): PreparedKernel | Promise<PreparedKernel> => {
    plans.set(place.model, place.plan);
    let real: Promise<PreparedKernel> | undefined;
    let ready: PreparedKernel | undefined;
    const open = async (): Promise<PreparedKernel> => {
      real ??= Promise.resolve(prepare());
      ready = await real;
      return ready;
    };
    const kernel: PreparedKernel = {
      run(inputs, context) {
        const found = replacing(place);
        if (!found) return ready ? ready.run(inputs, context) : open().then(opened => opened.run(inputs, context));
        const { name, act, steps } = found;
        const [first] = steps as [AnyStep];
        if (place.step === first) {
          const stashed = read.get(context) ?? new Map<string, Inputs>();
          read.set(context, stashed.set(name, inputs));
        }
        if (place.step === steps.at(-1)) {
          const stashed = read.get(context)?.get(name);
          const at = { plan: place.plan, first: stashed ? first : place.step, last: place.step };
          return runStage(act, at, stashed ?? inputs, context, error => note(`stage \`${name}\``, error));
        }
        // Other stages may read the columns in between.
        if (isReadElsewhere(place, steps))
          return ready ? ready.run(inputs, context) : open().then(opened => opened.run(inputs, context));
        return runStage(emptyColumns, { plan: place.plan, first: place.step, last: place.step }, inputs, context);
      },
      close: async () => {
        await (await real?.catch(() => undefined))?.close?.();
      },
    };
    return replacing(place) ? kernel : open().then(() => kernel);
  };

  const requireStage = (name: string): void => {
    if ([...plans].some(([model, plan]) => stepsOf(model, plan, name).length > 0)) return;
    const names = [...plans].flatMap(([model, plan]) =>
      stageNames(plan).map(stage => (plans.size > 1 ? `${model}/${stage}` : stage)),
    );
    throw new RangeError(
      `there is no stage \`${name}\`; there are ${names.map(text => `\`${text}\``).join(", ") || "none: no plan is loaded"}`,
    );
  };

  return {
    middleware: { step },
    plans,
    require: requireStage,
    set(name, act) {
      requireStage(name);
      if (act) functions.set(name, act);
      else functions.delete(name);
    },
  };
}

const isReadElsewhere = ({ plan, step }: StepPlace, steps: readonly AnyStep[]): boolean =>
  plan.outputs.some(({ ref }) => ref.step === step.id) ||
  plan.steps.some(
    other =>
      !steps.includes(other) &&
      Object.values(other.inputs)
        .flat()
        .some(ref => ref.step === step.id),
  );
