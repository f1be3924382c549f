/**
 * The merlon backend: `plan.json` and its artefacts in the version folder → a model that answers requests by running the plan in process.
 * ONNX steps call the repository's other models. Parameters: `seed` makes sampling repeatable, `timings` adds each step's microseconds,
 * `explain` what became of each candidate, `stages` what each step made, `plan` which build responded.
 */

import { createHash } from "node:crypto";
import type { AnswerForm } from "../../../contract/answer-form.js";
import { entryColumn, markable, stageColumn, validityName } from "../../../contract/column-tensors.js";
import { joinInside, pathInside, resolveInside } from "../../../contract/files/path-inside.js";
import { FILE_LIMITS, readRegular } from "../../../contract/files/read-regular.js";
import { type FittedPlan, type Plan, type PlanStage, parsePlan } from "../../../contract/plan.js";
import { planId } from "../../../contract/plan-id.js";
import { type ColumnSchema, isRagged, REQUEST_ROWS, type Schema } from "../../../contract/schema.js";
import { withoutShadows } from "../../../contract/shadows.js";
import { armsOf } from "../../../contract/step-facts.js";
import { configDatatype } from "../../../triton-protos/datatype.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { type Column, childRows, type Rows, rootRows } from "../../base/columns/table.js";
import { tensorValues } from "../../base/columns/tensor-values.js";
import { invalid } from "../../base/errors.js";
import type { Tensor } from "../../base/tensor.js";
import { candidatesOf } from "../../engine/schedule/candidate-count.js";
import { watchEmptyStages } from "../../engine/schedule/empty-stages.js";
import { preparePlan } from "../../engine/schedule/execute.js";
import type { StageCounters } from "../../engine/schedule/stage-counters.js";
import type { PlanExposures } from "../exposures/log-run.js";
import type { Backend, LoadContext } from "./backend.js";
import { goldenRequests } from "./golden-requests.js";
import { answer, answerBatch, type Form, type Served } from "./merlon-answer.js";
import { checkOffsets, columnReader, findTensor, requestReader } from "./merlon-inputs.js";
import { answerTensors, nullTensors } from "./merlon-outputs.js";
import { stageWriter } from "./stage-outputs.js";

const MINUTE_MS = 60_000;

export const merlonBackend: Backend = {
  dependencies: async folder => {
    // A plan that can not be read depends on nothing; loading it says why.
    const read = await readPlan(folder).catch(() => undefined);
    return read ? modelsOf(read.plan) : [];
  },
  load: async context => {
    const { plan: whole, sha256 } = await readPlan(context.folder);
    const plan = withoutShadows(whole);
    checkConfig(plan, context.config);
    const { stepMiddleware, name: model, version, folder, log, arms } = context;
    const exposures = await exposuresOf(plan, whole, sha256, context);
    const executable = await preparePlan(whole, {
      ...context,
      shareArm: arms && ((arm, peer) => arms.join({ model, arm: `${version} ${sha256} ${arm}` }, peer)),
      onNote: text => log?.warning("merlon", `'${model}': ${text}`),
      ...(stepMiddleware && { middleware: (step, prepare) => stepMiddleware({ model, plan, step, folder }, prepare) }),
    });
    const form = plan.stage ? stageForm(plan, plan.stage, context.config) : requestForm(plan, context.config);
    const asked = modelsOf(plan);
    const referTo = (name: string) => ({ model: name, version: -1 });
    const dependencies = asked.map(referTo);
    const splits = plan.stage ? [] : splitsOf(plan, executable.counters);
    const build = planId(sha256);
    log?.info("merlon", `'${model}' version ${version} runs plan ${build}`);
    const candidates = candidatesOf(plan);
    const served: Served = { executable, form, context, candidates, asked, dependencies, splits, exposures, build };
    const look = watchEmptyStages(executable.counters, text => log?.warning("merlon", `'${model}': ${text}`));
    const watch = setInterval(look, MINUTE_MS).unref();
    // A replacement of a step may read the whole run.
    const shares = executable.rowsAreIndependent && !plan.stage && !stepMiddleware && context.config.max_batch_size > 0;
    return {
      config: withPlan(context.config, build),
      dependencies: modelsOf(whole).map(referTo),
      stages: executable.counters,
      ...(!plan.stage && { warmUps: () => goldenRequests(plan, folder, answerForm(plan, context.config)) }),
      sharesTurn: shares,
      execute: requests => {
        if (requests.length === 1) {
          const one = answer(served, requests[0]!);
          return one instanceof Promise ? one.then(only => [only]) : [one];
        }
        return shares ? answerBatch(served, requests) : Promise.all(requests.map(request => answer(served, request)));
      },
      close: async () => {
        clearInterval(watch);
        // Shadows that run are logged, or cancelled.
        await executable.close().finally(() => exposures?.close());
      },
    };
  },
};

/** The exposure log of a plan, if it has one and the server writes it. @throws RuntimeFault */
async function exposuresOf(
  plan: FittedPlan,
  whole: FittedPlan,
  sha256: string,
  { exposures, name, version, folder, clock }: LoadContext,
): Promise<PlanExposures | undefined> {
  const { log } = plan;
  if (!exposures || !log) return undefined;
  const { openPlanExposures } = await import("../exposures/log-run.js");
  return openPlanExposures(exposures, { name, version, folder, plan: { ...plan, log }, whole, sha256, clock });
}

/** The parameter of a served configuration that identifies the build: a version number stays the same when a model is built again. */
const PLAN_PARAMETER = "merlon_plan";

const withPlan = (config: ModelConfig, build: string): ModelConfig => ({
  ...config,
  parameters: { ...config.parameters, [PLAN_PARAMETER]: { string_value: build } },
});

/** Steps that assign the request's rows to arms, with the counters of these. */
const splitsOf = ({ steps }: Plan, counters: readonly StageCounters[]): Served["splits"] =>
  steps.filter(armsOf).map(step => {
    const { arms = [] } = counters.find(({ stage, op }) => stage === step.label && op === step.op) ?? {};
    return { step, arms };
  });

/** Models of the repository that its steps call. */
const modelsOf = (plan: Plan): readonly string[] => [
  ...new Set(plan.steps.flatMap(step => ("model" in step.params ? step.params.model : []))),
];

const PLAN = pathInside("plan.json");

async function readPlan(folder: string): Promise<{ readonly plan: FittedPlan; readonly sha256: string }> {
  const file = joinInside(folder, PLAN);
  try {
    resolveInside(folder, PLAN);
    const bytes = await readRegular(file, FILE_LIMITS.document);
    return { plan: parsePlan(bytes.toString(), file), sha256: createHash("sha256").update(bytes).digest("hex") };
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === "ENOENT"
        ? `${file} is missing. Build the ensemble again with \`merlon build\`.`
        : (error as Error).message;
    throw invalid(reason, { cause: error });
  }
}

function requestForm(plan: Plan, config: ModelConfig): Form {
  const nullable = new Set(marked(plan.inputs, config.input).map(({ name }) => name));
  const read = requestReader(plan.inputs, answerForm(plan, config), nullable);
  return {
    read: tensors => {
      const columns = read(tensors);
      return { columns, request: columns.values().next().value!.rows };
    },
    write: writeAnswers(plan, config),
  };
}

/** Columns beside which the configuration has a tensor that marks nulls. */
const marked = (columns: Schema, tensors: readonly { readonly name: string }[]): Schema =>
  markable(columns).filter(({ name }) => tensors.some(tensor => tensor.name === validityName(name)));

const stageForm = (plan: Plan, stage: PlanStage, config: ModelConfig): Form => ({
  read: stageReader(plan.inputs, stage),
  write: stage.answers ? writeAnswers(plan, config) : stageWriter(plan, stage, config),
});

function writeAnswers(plan: Plan, config: ModelConfig): Form["write"] {
  const form = answerForm(plan, config);
  const outputs = plan.outputs.map(output => output.schema);
  const nullable = marked(outputs, config.output);
  return (columns, request, asked) => {
    const answers = outputs.flatMap(schema => answerTensors(schema, columns.get(schema.name)!, request!, form));
    return nullable.length > 0 ? [...answers, ...nullTensors(nullable, columns, request!, form, asked)] : answers;
  };
}

/**
 * Without a batch dimension the configuration gives the form of rows that are not the request's. They are one matrix under their own name
 * or, if each is a row of the response, without the extra dimension.
 */
function answerForm({ outputs, stage }: Plan, { max_batch_size, output }: ModelConfig): AnswerForm {
  if (stage?.answers) return stage.answers;
  if (max_batch_size > 0) return "batched";
  for (const { schema } of outputs) {
    const tensor = output.find(t => t.name === schema.name);
    if (!tensor || schema.rows === REQUEST_ROWS || isRagged(schema)) continue;
    return !schema.list && tensor.dims.length === 2 ? "merlin" : "rows";
  }
  return "unbatched";
}

/** Names and dtypes of the configuration against those of the plan: two files that only a build keeps together. */
function checkConfig(plan: Plan, config: ModelConfig): void {
  const { stage } = plan;
  const form = answerForm(plan, config);
  const valuesOf = (side: "input" | "output", col: ColumnSchema): string =>
    (stage && (side === "input" || !stage.answers) ? stageColumn(col) : entryColumn(col, form))[0]!.name;
  const sides = [
    ["input", plan.inputs, config.input],
    ["output", plan.outputs.map(o => o.schema), config.output],
  ] as const;
  for (const [side, columns, tensors] of sides)
    for (const col of columns) {
      const name = valuesOf(side, col);
      const tensor = tensors.find(t => t.name === name);
      if (tensor && configDatatype(tensor.data_type)?.name === col.dtype) continue;
      const seen = tensor ? `has the type ${tensor.data_type}` : "is missing";
      throw invalid(
        `${side} '${name}' ${seen} in config.pbtxt of '${config.name}', and plan.json has ${col.dtype} \`${col.name}\`. Build the ensemble again.`,
      );
    }
}

interface StageColumns {
  readonly columns: ReadonlyMap<string, Column>;
  /** The request's rows; undefined if no input determines them. */
  readonly request: Rows | undefined;
}

/**
 * The tensors of one stage of an ensemble → the columns its plan reads, with their rows: the request's, and candidates' grouped by them.
 * @returns reads the columns of a request; throws a RuntimeFault naming the tensor that does not fit
 */
function stageReader(schema: Schema, stage: PlanStage): (tensors: ReadonlyMap<string, Tensor>) => StageColumns {
  const nullable = new Set(stage.nullable.inputs);
  const readers = schema.map(
    col => [col, columnReader(col, stageColumn(col, { nullable: nullable.has(col.name) }), "needed")] as const,
  );
  return tensors => {
    const sets = new Map<string, Rows>();
    const sameRows = (id: string) => (count: number, name: string) => {
      const rows = sets.get(id) ?? rootRows(count);
      sets.set(id, rows);
      if (rows.count === count) return rows;
      throw invalid(`input '${name}' has ${count} rows, and other inputs have ${rows.count} rows of \`${id}\``);
    };
    for (const { id, grouped } of stage.rows) {
      if (!grouped) continue;
      const offsets = tensorValues(findTensor(tensors, grouped.offsets, "int32"), "int32") as Int32Array;
      const last = offsets[offsets.length - 1] ?? 0;
      checkOffsets(grouped.offsets, offsets, "", last);
      sets.set(id, childRows(sameRows(grouped.by)(offsets.length - 1, grouped.offsets), offsets));
    }
    const columns = new Map(readers.map(([col, read]) => [col.name, read(tensors, sameRows(col.rows))]));
    return { columns, request: sets.get(REQUEST_ROWS) };
  };
}
