/**
 * The merlon backend: `plan.json` and its artefacts in the version folder → a model that answers requests by running the plan in process.
 * ONNX steps call the repository's other models. Parameters: `seed` makes sampling repeatable, `timings` adds each step's microseconds.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { configDatatype } from "../../triton-protos/datatype.js";
import type { ModelConfig } from "../../triton-protos/model-config.js";
import { type Plan, parsePlan } from "../../triton-protos/plan.js";
import { isRagged } from "../../triton-protos/schema.js";
import { RuntimeFault } from "../errors.js";
import { type ExecutablePlan, preparePlan } from "../plan/execute.js";
import type { Parameter } from "../tensor.js";
import type { Backend, BackendRequest, BackendResponse, LoadContext } from "./backend.js";
import { requestColumns } from "./merlon-inputs.js";
import { answerTensors } from "./merlon-outputs.js";

export const merlonBackend: Backend = {
  dependencies: async folder => {
    // A plan that can not be read depends on nothing; loading it says why.
    const plan = await readPlan(folder).catch(() => undefined);
    return plan ? [...new Set(plan.steps.flatMap(step => (step.op === "predictOnnx" ? step.params.model : [])))] : [];
  },
  load: async context => {
    const plan = await readPlan(context.folder);
    checkConfig(plan, context.config);
    const executable = await preparePlan(plan, { folder: context.folder, models: context.models });
    return {
      execute: requests => Promise.all(requests.map(request => answer(executable, context, request))),
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

/** Names and dtypes of the configuration against those of the plan: two files that only a build keeps together. */
function checkConfig(plan: Plan, config: ModelConfig): void {
  const batched = config.max_batch_size > 0;
  const sides = [
    ["input", plan.inputs, config.input],
    ["output", plan.outputs.map(o => o.schema), config.output],
  ] as const;
  for (const [side, columns, tensors] of sides)
    for (const col of columns) {
      const paired = isRagged(col) || (side === "output" && !batched && col.rows !== "request");
      const name = paired ? `${col.name}__values` : col.name;
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
  context: LoadContext,
  request: BackendRequest,
): Promise<BackendResponse | RuntimeFault> {
  const { plan } = executable;
  const { parameters, signal, requestedOutputs } = request;
  try {
    const columns = requestColumns(plan.inputs, request.inputs);
    const rows = columns.values().next().value!.rows;
    const seed = parameters.has("seed") ? readSeed(parameters.get("seed")!) : context.drawSeed();
    const result = await executable.run(columns, { seed, parameters, ...(signal && { signal }) });
    const outputs = plan.outputs
      .flatMap(({ schema }) =>
        answerTensors(schema, result.columns.get(schema.name)!, rows, context.config.max_batch_size > 0),
      )
      .filter(tensor => requestedOutputs.has(tensor.name))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    return parameters.get("timings") === true
      ? { outputs, parameters: timingParameters(plan, result.timings) }
      : { outputs };
  } catch (error) {
    return RuntimeFault.from(error);
  }
}

function readSeed(value: Parameter): bigint {
  if (typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value))) return BigInt(value);
  throw new RuntimeFault("INVALID_ARGUMENT", `parameter 'seed' is ${JSON.stringify(value)}; a whole number is wanted`);
}

const timingParameters = (plan: Plan, timings: ReadonlyMap<string, number>): ReadonlyMap<string, Parameter> =>
  new Map(plan.steps.map(step => [`timing.${step.label}`, timings.get(step.id) ?? 0]));
