/**
 * Plan → the models of `--layout ensemble`: the stages in order, and what the entry schedules.
 */
import type { AnswerForm } from "../../../contract/answer-form.js";
import { type AnyStep, type ColumnRef, type Plan, REQUEST_STEP } from "../../../contract/plan.js";
import { isRagged, REQUEST_ROWS } from "../../../contract/schema.js";
import { choosesByOutcome } from "../../../contract/step-facts.js";
import type { OnnxSignature, OnnxTensor } from "../../../formats/onnx/onnx.js";
import type { InferredStep } from "../../3-graph/infer.js";
import { rowSets } from "../stages/row-sets.js";
import { answerStage, type Cut, isPassed, onnxStage, type Stage, stepStage } from "../stages/stage-models.js";
import { nullableColumns, type WorkflowOf } from "./nulls.js";
import { columnsOf, type Place, placeKey } from "./refs.js";

export interface CutOptions {
  readonly inferred: readonly InferredStep[];
  readonly form: AnswerForm;
  /** Answers that say which of their values are null. */
  readonly nullable: ReadonlySet<string>;
  /** The graph of a step's ONNX model. */
  signature(step: Step): OnnxSignature;
  readonly workflowOf: WorkflowOf;
}
type Step = Extract<AnyStep, { op: "predictOnnx" }>;

/** A stage and the step it runs; the last one may only give the answers their form. */
export interface CutStage extends Stage {
  readonly step?: AnyStep;
}

/**
 * Steps that an answer depends on become stages, in their order.
 * @throws Error where an answer has the name of another column of the request, since an ensemble has one tensor of a name; and where
 *   nothing is made
 */
export function cutPlan(plan: Plan, options: CutOptions): readonly CutStage[] {
  refuseClashes(plan);
  const readers = readersOf(plan);
  const live = plan.steps.filter(step =>
    step.outputs.some(c => readers.has(placeKey({ step: step.id, column: c.name }))),
  );
  const batched = options.form === "batched";
  const nullable = nullableColumns(plan, options.workflowOf);
  const columns = columnsOf(plan);
  const shapes = new Map<string, readonly number[]>();
  const shape = (ref: Place): readonly number[] => {
    const { list, rows } = columns(ref);
    if (list) return [-1, list.min];
    return shapes.get(placeKey(ref)) ?? (batched && rows === REQUEST_ROWS ? [-1, 1] : [-1]);
  };
  const cut: Cut = {
    plan,
    form: options.form,
    rows: rowSets(plan, options.inferred),
    columns,
    shape,
    mayBeNull: ref => nullable.has(placeKey(ref)),
    nullableAnswers: options.nullable,
    isRead: ref => readers.has(placeKey(ref)),
  };
  const models = live.filter((step): step is Step => step.op === "predictOnnx");
  const signatures = new Map(models.map(step => [step.id, options.signature(step)]));
  const name = nameStages(plan, models);

  // A scalar that a stage makes is [n] or [n, 1], as the first model that reads it wants.
  for (const step of models)
    for (const { ref, wanted } of bindings(step, signatures.get(step.id)!))
      if (ref.step !== REQUEST_STEP && batched && columns(ref).rows === REQUEST_ROWS && !shapes.has(placeKey(ref)))
        shapes.set(placeKey(ref), wanted.shape.length === 1 ? [-1] : [-1, 1]);

  const stages = live.map((step): CutStage => {
    const signature = signatures.get(step.id);
    if (step.op !== "predictOnnx" || !signature || !servesItself(cut, step, signature))
      return { step, ...stepStage(cut, step, name(step.id)) };
    for (const col of step.outputs) {
      const made = signature.outputs.find(o => o.name === step.params.outputs[col.name])!;
      if (!col.list)
        shapes.set(placeKey({ step: step.id, column: col.name }), made.shape.length === 1 ? [-1] : [-1, 1]);
    }
    return { step, ...onnxStage(cut, step, signature) };
  });
  const unread = plan.inputs
    .filter(c => !readers.has(placeKey({ step: REQUEST_STEP, column: c.name })))
    .map((c): ColumnRef => ({ name: c.name, step: REQUEST_STEP, column: c.name }));
  const last = stages.at(-1);
  return last?.step && unread.length === 0 && answers(cut, last.step)
    ? withoutUnread([...stages.slice(0, -1), nameAnswers(plan, last)])
    : withoutUnread([...stages, answerStage(cut, name("answer"), unread)]);
}

/** Triton refuses a tensor that nobody reads: a stage's model may answer more than the ensemble asks of it. */
function withoutUnread(stages: readonly CutStage[]): readonly CutStage[] {
  const read = new Set(stages.flatMap(stage => Object.values(stage.inputs)));
  return stages.map((stage, i) =>
    i === stages.length - 1
      ? stage
      : { ...stage, outputs: Object.fromEntries(Object.entries(stage.outputs).filter(([, name]) => read.has(name))) },
  );
}

function refuseClashes({ name, inputs, outputs, steps }: Plan): void {
  const fallback = steps.find(step => choosesByOutcome(step.op));
  if (fallback)
    throw new Error(
      `\`${name}\` has a fallback (\`${fallback.label}\`), and a Triton ensemble fails when one of its steps does. Build with \`--layout executor\`.`,
    );
  if (outputs.every(isPassed))
    throw new Error(
      `\`${name}\` answers columns of the request as they are: a Triton ensemble needs a step that makes something. Build with \`--layout executor\`.`,
    );
  const clash = outputs.find(o => inputs.some(c => c.name === o.schema.name) && !isPassed(o));
  if (clash)
    throw new Error(
      `\`${name}\` answers \`${clash.schema.name}\`, and the request has another column of that name. A Triton ensemble has one tensor of a name: rename the answer (\`>> rename({ postfix: "_out" })\`), or build with \`--layout executor\`.`,
    );
}

/** Places that a step which counts, or the answer, reads. */
function readersOf(plan: Plan): ReadonlySet<string> {
  const read = new Set(plan.outputs.map(o => placeKey(o.ref)));
  for (const step of plan.steps.toReversed())
    if (step.outputs.some(c => read.has(placeKey({ step: step.id, column: c.name }))))
      for (const ref of Object.values(step.inputs).flat()) read.add(placeKey(ref));
  return read;
}

/** Model names: letters, digits and `_`, and none of them taken by an ONNX model. */
function nameStages(plan: Plan, models: readonly Step[]): (step: string) => string {
  const taken = new Set([plan.name, ...models.map(step => step.params.model)]);
  return step => {
    const stem = `${plan.name}_${step.replace(/\W+/g, "_")}`;
    let name = stem;
    for (let n = 2; taken.has(name); n++) name = `${stem}_${n}`;
    taken.add(name);
    return name;
  };
}

/** The column bound to each input of the graph that has one to itself. */
const bindings = (step: Step, { inputs }: OnnxSignature): { ref: ColumnRef; wanted: OnnxTensor }[] =>
  inputs.flatMap(wanted => {
    const ref = step.inputs.input!.find(ref => ref.name === step.params.inputs[wanted.name]);
    return ref ? { ref, wanted } : [];
  });

/**
 * Whether the model can take the columns as they travel: same dtypes and shapes, no null to refuse, and never without rows, which graphs
 * disagree about: so candidates, all of which a filter may take away, go through a stage that knows what to do then.
 */
function servesItself(cut: Cut, step: Step, signature: OnnxSignature): boolean {
  const open = ({ shape }: OnnxTensor): boolean => typeof shape[0] !== "number";
  const { stack, constants, pad, batchSize } = step.params;
  return (
    cut.form === "batched" &&
    !(stack || constants || pad || batchSize) &&
    signature.outputs.filter(o => Object.values(step.params.outputs).includes(o.name)).every(open) &&
    bindings(step, signature).length === signature.inputs.length &&
    bindings(step, signature).every(({ ref, wanted }) => {
      const col = cut.columns(ref);
      const shape = cut.shape(ref);
      return (
        !isRagged(col) &&
        col.rows === REQUEST_ROWS &&
        col.dtype === wanted.dtype &&
        !cut.mayBeNull(ref) &&
        open(wanted) &&
        wanted.shape.length === shape.length &&
        (shape.length === 1 || typeof wanted.shape[1] !== "number" || wanted.shape[1] === shape[1])
      );
    })
  );
}

/** Whether what the step makes is the answer as it stands. */
function answers(cut: Cut, step: AnyStep): boolean {
  const { outputs } = cut.plan;
  const places = new Set(outputs.map(o => placeKey(o.ref)));
  return (
    places.size === outputs.length &&
    // A stage marks nulls in a flat tensor, an answer in one of its own shape.
    cut.nullableAnswers.size === 0 &&
    outputs.every(({ ref, schema }) => {
      const col = cut.columns(ref);
      const form = cut.form === "batched" || col.list ? 2 : 1;
      return (
        ref.step === step.id &&
        col.rows === REQUEST_ROWS &&
        col.dtype === schema.dtype &&
        (isRagged(col) || cut.shape(ref).length === form)
      );
    })
  );
}

/** The last stage's tensors under the names of the answers. */
function nameAnswers(plan: Plan, stage: CutStage): CutStage {
  const names = new Map<string, string>(
    plan.outputs.flatMap(({ ref, schema }) =>
      ["", "__values", "__offsets"].map(end => [`${ref.step}.${ref.column}${end}`, `${schema.name}${end}`] as const),
    ),
  );
  return {
    ...stage,
    outputs: Object.fromEntries(
      Object.entries(stage.outputs).flatMap(([output, tensor]) => {
        const name = names.get(tensor);
        return name === undefined ? [] : [[output, name]];
      }),
    ),
  };
}
