/**
 * The merlon backend: `plan.json` and its artefacts in the version folder → a model that answers requests by running the plan in process.
 * ONNX steps call the repository's other models. Parameters: `seed` makes sampling repeatable, `timings` adds each step's microseconds,
 * `explain` what became of each candidate, `stages` what each step made.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type AnswerForm, isPadded, isPaired } from "../../triton-protos/answer-form.js";
import { configDatatype } from "../../triton-protos/datatype.js";
import type { ModelConfig } from "../../triton-protos/model-config.js";
import { type Plan, type PlanStage, parsePlan } from "../../triton-protos/plan.js";
import { type ColumnSchema, isRagged } from "../../triton-protos/schema.js";
import { stageTensors } from "../../triton-protos/stage-tensors.js";
import { linkSignal } from "../cancellation.js";
import { writeTensorJson } from "../cassettes/tensor-json.js";
import { RuntimeFault } from "../errors.js";
import { type ExecutablePlan, type PlanResult, preparePlan, type StageRun } from "../plan/execute.js";
import { explainCandidates } from "../plan/explain-candidates.js";
import { stageNotes, stepTensors } from "../plan/stage-notes.js";
import type { Column, Rows } from "../plan/table.js";
import type { ExecutionClock } from "../scheduling/execution-clock.js";
import type { Parameter, Tensor } from "../tensor.js";
import type { TracedStage, TraceNotes } from "../tracing/trace.js";
import type { Backend, BackendRequest, BackendResponse, LoadContext } from "./backend.js";
import { requestColumns } from "./merlon-inputs.js";
import { answerTensors } from "./merlon-outputs.js";
import { stageColumns } from "./stage-inputs.js";
import { stageAnswer } from "./stage-outputs.js";
import { nullTensors, withNulls } from "./wire-nulls.js";

export const merlonBackend: Backend = {
  dependencies: async folder => {
    // A plan that can not be read depends on nothing; loading it says why.
    const plan = await readPlan(folder).catch(() => undefined);
    return plan ? [...new Set(plan.steps.flatMap(step => ("model" in step.params ? step.params.model : [])))] : [];
  },
  load: async context => {
    const plan = await readPlan(context.folder);
    checkConfig(plan, context.config);
    const { aroundStep, name: model, folder } = context;
    const executable = await preparePlan(plan, {
      ...context,
      ...(aroundStep && { around: (step, prepare) => aroundStep({ model, plan, step, folder }, prepare) }),
    });
    const form = plan.stage ? stageForm(plan, plan.stage, context.config) : requestForm(plan, context.config);
    return {
      stages: executable.tallies,
      execute: requests => Promise.all(requests.map(request => answer(executable, form, context, request))),
      close: () => executable.close(),
    };
  },
};

async function readPlan(folder: string): Promise<Plan> {
  const file = join(folder, "plan.json");
  try {
    return parsePlan(await readFile(file, "utf8"), file);
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === "ENOENT"
        ? `${file} is missing. Build the ensemble again with \`merlon build\`.`
        : (error as Error).message;
    throw new RuntimeFault("INVALID_ARGUMENT", reason, { cause: error });
  }
}

/** How a model's columns travel. */
interface Form {
  read(tensors: ReadonlyMap<string, Tensor>): { columns: ReadonlyMap<string, Column>; request: Rows | undefined };
  write(columns: ReadonlyMap<string, Column>, request: Rows | undefined, asked: ReadonlySet<string>): readonly Tensor[];
}

function requestForm(plan: Plan, config: ModelConfig): Form {
  const write = writeAnswers(plan, answerForm(plan, config));
  const outputs = plan.outputs.map(output => output.schema);
  return {
    read: tensors => {
      const columns = withNulls(requestColumns(plan.inputs, tensors), tensors);
      return { columns, request: columns.values().next().value!.rows };
    },
    write: (columns, request, asked) => {
      const answers = write(columns, request, asked);
      return [...answers, ...nullTensors(outputs, columns, answers, asked)];
    },
  };
}

const stageForm = (plan: Plan, stage: PlanStage, config: ModelConfig): Form => ({
  read: tensors => stageColumns(plan.inputs, stage, tensors),
  write: stage.answers ? writeAnswers(plan, stage.answers) : stageAnswer(plan, stage, config),
});

const writeAnswers =
  ({ outputs }: Plan, form: AnswerForm): Form["write"] =>
  (columns, request) =>
    outputs.flatMap(({ schema }) => answerTensors(schema, columns.get(schema.name)!, request!, form));

/** Without a batch dimension the configuration says whether candidates are one matrix: that is then a tensor of their own name. */
function answerForm({ outputs, stage }: Plan, { max_batch_size, output }: ModelConfig): AnswerForm {
  if (stage?.answers) return stage.answers;
  if (max_batch_size > 0) return "batched";
  const matrix = outputs.some(o => isPadded(o.schema, "merlin") && output.some(t => t.name === o.schema.name));
  return matrix ? "merlin" : "unbatched";
}

/** Names and dtypes of the configuration against those of the plan: two files that only a build keeps together. */
function checkConfig(plan: Plan, config: ModelConfig): void {
  const { stage } = plan;
  const form = answerForm(plan, config);
  const tensorOf = (side: "input" | "output", col: ColumnSchema): string => {
    if (stage && (side === "input" || !stage.answers)) return stageTensors(col, false)[0]!.name;
    const paired = side === "output" ? isPaired(col, form) : isRagged(col);
    return paired ? `${col.name}__values` : col.name;
  };
  const sides = [
    ["input", plan.inputs, config.input],
    ["output", plan.outputs.map(o => o.schema), config.output],
  ] as const;
  for (const [side, columns, tensors] of sides)
    for (const col of columns) {
      const name = tensorOf(side, col);
      const tensor = tensors.find(t => t.name === name);
      if (tensor && configDatatype(tensor.data_type)?.name === col.dtype) continue;
      const seen = tensor ? `has the type ${tensor.data_type}` : "is missing";
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `${side} '${name}' ${seen} in config.pbtxt of '${config.name}', and plan.json has ${col.dtype} \`${col.name}\`. Build the ensemble again.`,
      );
    }
}

async function answer(
  executable: ExecutablePlan,
  form: Form,
  context: LoadContext,
  request: BackendRequest,
  clock?: ExecutionClock,
): Promise<BackendResponse | RuntimeFault> {
  const { plan } = executable;
  const { parameters, requestedOutputs } = request;
  const linked = request.signal && linkSignal(request.signal);
  try {
    const { columns, request: rows } = form.read(request.inputs);
    const seed = parameters.has("seed") ? readSeed(parameters.get("seed")!) : context.drawSeed();
    clock?.inputsReady();
    const result = await executable.run(columns, { seed, parameters, ...(linked && { signal: linked.signal }) });
    clock?.computed();
    if (request.trace) noteRun(request.trace, plan, result);
    const outputs = form
      .write(result.columns, rows, requestedOutputs)
      .filter(tensor => requestedOutputs.has(tensor.name))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const [timings, explain] = [parameters.get("timings") === true, parameters.get("explain") === true];
    const told = new Map([
      ...(timings ? timingParameters(plan, result) : []),
      ...(explain ? explainParameters(plan, result) : []),
      ...(timings || explain ? fallbackParameters(plan, result) : []),
      ...(parameters.get("stages") === true ? stageParameters(plan, result) : []),
    ]);
    return told.size > 0 ? { outputs, parameters: told } : { outputs };
  } catch (error) {
    return RuntimeFault.from(error);
  } finally {
    linked?.release();
  }
}

/** Elements of each tensor that a trace keeps of a stage. */
const TRACED_ELEMENTS = 200;

function noteRun(trace: TraceNotes, plan: Plan, result: PlanResult): void {
  const { insides, timestamps } = trace.levels;
  if (!timestamps) return;
  const traced = ({ step, began, ended, rowsIn, rowsOut }: StageRun): TracedStage => ({
    name: step.label,
    op: step.op,
    startNs: began * 1e6,
    endNs: ended * 1e6,
    rowsIn,
    rowsOut,
    ...(insides && { tensors: stepTensors(step, result.columnOf, TRACED_ELEMENTS) }),
  });
  trace.ran(
    result.runs.map(traced),
    insides && !plan.stage ? JSON.stringify(explainCandidates(plan, result.columnOf)) : undefined,
  );
}

function readSeed(value: Parameter): bigint {
  if (typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value))) return BigInt(value);
  throw new RuntimeFault("INVALID_ARGUMENT", `parameter 'seed' is ${JSON.stringify(value)}; a whole number is wanted`);
}

/** One JSON text: for each request row, what became of each candidate. */
const explainParameters = (plan: Plan, result: PlanResult): ReadonlyMap<string, Parameter> =>
  new Map([["explain", JSON.stringify(explainCandidates(plan, result.columnOf))]]);

/** Under `stage.LABEL` the tensors of a step, as a cassette has them. */
const stageParameters = (plan: Plan, result: PlanResult): ReadonlyMap<string, Parameter> =>
  new Map(
    stageNotes(plan, result).map(({ stage, tensors }) => [
      `stage.${stage}`,
      JSON.stringify(tensors.map(writeTensorJson)),
    ]),
  );

const fallbackParameters = (plan: Plan, { fallbacks }: PlanResult): ReadonlyMap<string, Parameter> =>
  new Map(
    plan.steps.flatMap(step => {
      const reason = fallbacks.get(step.id);
      return reason === undefined ? [] : [[`fallback.${step.label}`, reason] as const];
    }),
  );

const timingParameters = (plan: Plan, { timings, parts }: PlanResult): ReadonlyMap<string, Parameter> =>
  new Map(
    plan.steps.flatMap(step =>
      step.parts
        ? step.parts.map(part => [`timing.${part.label}`, Math.round(parts.get(part.id) ?? 0)] as const)
        : [[`timing.${step.label}`, timings.get(step.id) ?? 0] as const],
    ),
  );
