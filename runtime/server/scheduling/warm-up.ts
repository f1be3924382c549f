/**
 * Runs the warm-up requests of a configuration on each instance of a model that has just been loaded; they count in its statistics.
 */

import { randomFillSync } from "node:crypto";
import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import { FILE_LIMITS, readRegular, SpecialFileError } from "../../../contract/files/read-regular.js";
import { MAX_MADE_BYTES, MAX_WARM_UP_RUNS, WARM_UP_MS } from "../../../triton-protos/config-limits.js";
import { configDatatype } from "../../../triton-protos/datatype.js";
import type { ModelConfig, ModelWarmup, ModelWarmup_Input } from "../../../triton-protos/gen/messages.js";
import { internal, invalid, RuntimeFault, refuse } from "../../base/errors.js";
import { elementCount, type Tensor } from "../../base/tensor.js";
import type { BackendRequest, BackendResponse, LoadedModel } from "../contract.js";
import { findInside } from "../models/inside-folder.js";
import type { ServerLog } from "../observe/server-log.js";
import { recordExecution, recordSuccess, type VersionStatistics } from "../observe/statistics.js";
import { NO_CONTROLS } from "../requests/controls.js";
import { requestPrefix } from "../requests/request-prefix.js";
import { validateRequest } from "../requests/validate.js";
import { startClock } from "./execution-clock.js";
import { instancesOf } from "./instance-groups.js";

/** The event loop turns in between after runs of this duration, in milliseconds. */
const STRETCH_MS = 10;

/**
 * @param folder the version directory; data files lie in `warmup` beside it
 * @param budgetMs time after which the rest is skipped with a warning: the version serves instead of staying unready
 * @throws RuntimeFault when a sample can't be made or the model refuses it: the version then fails to load
 */
export async function warmUp(
  config: ModelConfig,
  model: LoadedModel,
  stats: VersionStatistics,
  folder: string,
  log?: ServerLog,
  budgetMs = WARM_UP_MS,
): Promise<void> {
  const instances = instancesOf(config);
  checkRuns(config, instances.length);
  const started = performance.now();
  let paused = started;
  for (const [place, sample] of config.model_warmup.entries()) {
    const request = await sampleRequest(config, place, folder);
    // A batch is made of requests with one row, as a batcher would make it.
    const requests = Array.from({ length: Math.max(1, sample.batch_size) }, () => request);
    for (const [instance, { name }] of instances.entries())
      for (let run = 1; run <= Math.max(1, sample.count); run++) {
        const whose = `model '${config.name}' instance ${name}`;
        if (performance.now() - started > budgetMs) {
          log?.warning(
            "backend_model_instance",
            `${whose} stopped its warmup at iteration ${run} of sample '${sample.name}': ${budgetMs / 1000} s are over, and the model is served without the rest. Lower 'count' or 'batch_size' in model_warmup`,
          );
          return;
        }
        if (performance.now() - paused > STRETCH_MS) {
          await setImmediate();
          paused = performance.now();
        }
        log?.verbose(
          "backend_model_instance",
          `${whose} is running warmup sample '${sample.name}' for iteration ${run}`,
        );
        await runSample(model, requests, instance, stats, sample).catch(error => {
          log?.verbose("backend_model_instance", `${whose} failed to run warmup sample '${sample.name}'`);
          throw error;
        });
      }
  }
}

/** @throws RuntimeFault if the samples run more often than a start may take */
function checkRuns({ name, model_warmup: samples }: ModelConfig, instances: number): void {
  const runs = instances * samples.reduce((sum, { count }) => sum + Math.max(1, count), 0);
  if (runs > MAX_WARM_UP_RUNS)
    throw invalid(
      `model '${name}': \`model_warmup\` runs ${runs} times: the \`count\` of each sample on each of ${instances} instances; the maximum is ${MAX_WARM_UP_RUNS}`,
    );
}

async function runSample(
  model: LoadedModel,
  requests: readonly BackendRequest[],
  instance: number,
  stats: VersionStatistics,
  { name }: ModelWarmup,
): Promise<void> {
  const started = performance.now() * 1e6;
  const clock = startClock();
  const faults: Error[] = [];
  const collect = (answer: BackendResponse | RuntimeFault | undefined): void => {
    const fault = answer instanceof Error ? answer : answer?.error;
    if (fault) faults.push(fault);
  };
  try {
    if (model.stream) await model.stream(requests, (_, answer) => collect(answer), instance);
    else (await model.execute(requests, instance, clock)).forEach(collect);
  } catch (error) {
    collect(RuntimeFault.from(error, (error as Error).message));
  }
  if (faults.length > 0)
    throw invalid(`failed to run warmup sample '${name}': ${faults.map(({ message }) => `${message}; `).join("")}`, {
      cause: faults[0],
    });
  const times = clock.times();
  const total = performance.now() * 1e6 - started;
  recordExecution(stats, requests.length, times);
  for (const { inputs } of requests) {
    recordSuccess(stats, 1, 1, times, total);
    for (const { data } of inputs.values()) stats.inputBytes += data.byteLength;
  }
}

async function sampleRequest(config: ModelConfig, place: number, folder: string): Promise<BackendRequest> {
  const sample = config.model_warmup[place]!;
  checkSize(config, place);
  const own: Tensor[] = [];
  /** Inputs that the configuration does not declare are treated as control inputs, without a check. */
  const extra: Tensor[] = [];
  for (const [name, input] of Object.entries(sample.inputs)) {
    const shape = config.max_batch_size > 0 ? [1, ...input.dims] : input.dims;
    const tensor = await sampleTensor(name, input, shape, folder);
    (config.input.some(declared => declared.name === name) ? own : extra).push(tensor);
  }
  const { batch, inputs, outputs } = validateRequest(config, {
    id: "",
    parameters: new Map(),
    inputs: own,
    outputs: [],
  });
  return {
    id: "",
    parameters: new Map(),
    controls: config.sequence_batching ? { ...NO_CONTROLS, correlationId: 1n, start: true } : NO_CONTROLS,
    batch: Math.max(1, batch),
    inputs: new Map([...inputs, ...extra.map((tensor): [string, Tensor] => [tensor.name, tensor])]),
    requestedOutputs: outputs,
    isWarmUp: true,
  };
}

/** A batch joins the rows of its requests, so a run has the bytes of all. @throws RuntimeFault naming the sample */
function checkSize({ name, model_warmup: samples }: ModelConfig, place: number): void {
  const { batch_size, inputs } = samples[place]!;
  const row = Object.values(inputs).reduce(
    (sum, { dims, data_type }) => sum + Math.max(0, elementCount(dims)) * (configDatatype(data_type)?.bytes || 4),
    0,
  );
  const bytes = row * Math.max(1, batch_size);
  if (bytes > MAX_MADE_BYTES)
    throw invalid(
      `model '${name}': \`model_warmup[${place}]\` has ${bytes} bytes: its \`dims\` and data types times its \`batch_size\`; the maximum is ${MAX_MADE_BYTES}`,
    );
}

async function sampleTensor(
  name: string,
  input: ModelWarmup_Input,
  shape: readonly number[],
  folder: string,
): Promise<Tensor> {
  const row = configDatatype(input.data_type);
  if (!row || shape.some(dim => dim < 0))
    return refuse(`warmup setting expects all variable-size dimensions are specified for input '${name}'`);
  const count = elementCount(shape);
  const { wire: datatype, bytes } = row;
  if (input.input_data_file) {
    // Triton's path, including dots; a file outside the model's folder counts as missing.
    const file = `${dirname(folder)}/warmup/${input.input_data_file}`;
    const missing = (): never => {
      throw internal(`failed to open text file for read ${file}: No such file or directory`);
    };
    const inside = findInside(dirname(folder), `warmup/${input.input_data_file}`) ?? missing();
    const data = await readRegular(inside, FILE_LIMITS.data).catch(error => {
      if (error instanceof SpecialFileError) refuse(error.message);
      return missing();
    });
    if (bytes > 0 && data.byteLength < count * bytes)
      refuse(
        `${requestPrefix("")}warmup setting expects ${count * bytes} bytes, but the data provided from ${input.input_data_file}only has ${data.byteLength} bytes`,
      );
    return { name, datatype, shape, data: bytes > 0 ? data.subarray(0, count * bytes) : data };
  }
  // A choice that is written as false is one.
  if (input.zero_data === undefined && input.random_data === undefined)
    refuse(`${requestPrefix("")}warmup setting expects input '${name}' to have input_data_type set`);
  // Strings are empty.
  const data = new Uint8Array(bytes > 0 ? count * bytes : count * 4);
  if (input.random_data !== undefined && bytes > 0) randomFillSync(data);
  return { name, datatype, shape, data };
}
