/**
 * Runs the warm-up requests of a configuration on each instance of a model that has just been loaded; they count in its statistics.
 */
import { randomFillSync } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { configDatatype } from "../../triton-protos/datatype.js";
import type { ModelConfig, ModelWarmup, ModelWarmup_Input } from "../../triton-protos/gen/messages.js";
import type { BackendRequest, LoadedModel } from "../backends/backend.js";
import { NO_CONTROLS } from "../data-plane/controls.js";
import { RuntimeFault } from "../errors.js";
import { recordExecution, recordSuccess, type VersionStatistics } from "../statistics.js";
import { elementCount, type Tensor } from "../tensor.js";

/**
 * @param folder the version directory; data files lie in `warmup` beside it
 * @throws RuntimeFault when a sample can't be made or the model refuses it: the version then fails to load
 */
export async function warmUp(
  config: ModelConfig,
  model: LoadedModel,
  stats: VersionStatistics,
  folder: string,
): Promise<void> {
  const instances = config.instance_group.reduce((sum, group) => sum + group.count, 0) || 1;
  for (const sample of config.model_warmup) {
    const request = await sampleRequest(config, sample, folder);
    // A batch is made of requests with one row, as a batcher would make it.
    const requests = Array.from({ length: Math.max(1, sample.batch_size) }, () => request);
    for (let instance = 0; instance < instances; instance++)
      for (let run = 0; run < Math.max(1, sample.count); run++)
        await runSample(model, requests, instance, stats, sample);
  }
}

async function runSample(
  model: LoadedModel,
  requests: readonly BackendRequest[],
  instance: number,
  stats: VersionStatistics,
  { name }: ModelWarmup,
): Promise<void> {
  const started = performance.now();
  const faults: Error[] = [];
  const collect = (answer: unknown): void => {
    if (answer instanceof Error) faults.push(answer);
  };
  try {
    if (model.stream) await model.stream(requests, (_, answer) => collect(answer), instance);
    else (await model.execute(requests, instance)).forEach(collect);
  } catch (error) {
    collect(error);
  }
  const [fault] = faults;
  if (fault)
    throw new RuntimeFault("INTERNAL", `failed to run warmup sample '${name}': ${fault.message}`, { cause: fault });
  const infer = (performance.now() - started) * 1e6;
  const times = { input: 1, infer, output: 1 };
  recordExecution(stats, requests.length, times);
  for (const _ of requests) recordSuccess(stats, 1, 1, times, infer);
}

async function sampleRequest(config: ModelConfig, sample: ModelWarmup, folder: string): Promise<BackendRequest> {
  const inputs = new Map<string, Tensor>();
  for (const [name, input] of Object.entries(sample.inputs)) {
    const shape = config.max_batch_size > 0 ? [1, ...input.dims] : input.dims;
    inputs.set(name, await sampleTensor(name, input, shape, sample.name, folder));
  }
  return {
    id: "",
    parameters: new Map(),
    controls: NO_CONTROLS,
    batch: 1,
    inputs,
    requestedOutputs: new Set(config.output.map(output => output.name).sort()),
  };
}

async function sampleTensor(
  name: string,
  input: ModelWarmup_Input,
  shape: readonly number[],
  sample: string,
  folder: string,
): Promise<Tensor> {
  const { wire: datatype, bytes } = configDatatype(input.data_type)!;
  const count = elementCount(shape);
  if (input.input_data_file) {
    const file = join(dirname(folder), "warmup", input.input_data_file);
    const data = await readFile(file).catch(error => {
      throw new RuntimeFault(
        "INTERNAL",
        `data file '${file}' of warmup sample '${sample}' cannot be read: ${(error as Error).message}`,
      );
    });
    if (bytes > 0 && data.byteLength !== count * bytes)
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `warmup sample '${sample}' expects ${count * bytes} bytes for input '${name}', but '${file}' has ${data.byteLength}`,
      );
    return { name, datatype, shape, data };
  }
  // Strings are empty.
  const data = new Uint8Array(bytes > 0 ? count * bytes : count * 4);
  if (input.random_data && bytes > 0) randomFillSync(data);
  return { name, datatype, shape, data };
}
