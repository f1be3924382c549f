/**
 * The data plane: a request for a ready version → its answer, counted in the version's statistics. Every transport and every in-process call
 * goes through here.
 */
import type { BackendRequest, BackendResponse } from "../backends/backend.js";
import { RuntimeFault } from "../errors.js";
import type { ReadyVersion } from "../repository/registry.js";
import { recordFailure, recordSuccess } from "../statistics.js";
import type { Parameter, Tensor } from "../tensor.js";
import type { InferRequest, InferResponse } from "./request.js";
import { reshape, type ValidRequest, validateRequest } from "./validate.js";

/** @throws RuntimeFault; a refused request touches no counter */
export async function infer(version: ReadyVersion, request: InferRequest): Promise<InferResponse> {
  return execute(version, request, validateRequest(version.config, request));
}

/** The second half of `infer`, for callers that must tell a refused request from a failed one. */
export async function execute(
  version: ReadyVersion,
  request: InferRequest,
  valid: ValidRequest,
): Promise<InferResponse> {
  const { config, statistics, scheduler } = version;
  const { batch, inputs, outputs } = valid;
  const started = performance.now();
  const elapsed = (): number => (performance.now() - started) * 1e6;
  const rows = config.max_batch_size > 0 ? Math.max(1, batch) : 1;
  const asked: BackendRequest = {
    id: request.id,
    parameters: request.parameters,
    inputs,
    requestedOutputs: outputs,
    ...(request.signal && { signal: request.signal }),
  };
  try {
    const { response, queueNs, times } = await scheduler.schedule(asked, rows);
    const answer: InferResponse = {
      model: version.model,
      version: version.version,
      id: request.id,
      parameters: response.parameters ?? NO_PARAMETERS,
      outputs: answerOutputs(version, response, outputs),
    };
    recordSuccess(statistics, rows, queueNs, times, elapsed());
    return answer;
  } catch (error) {
    const fault = RuntimeFault.from(error);
    recordFailure(
      statistics,
      fault.code === "CANCELLED" ? "CANCELED" : fault.code === "UNAVAILABLE" ? "REJECTED" : "BACKEND",
      elapsed(),
    );
    throw fault;
  }
}

const NO_PARAMETERS: ReadonlyMap<string, Parameter> = new Map();

/** The wanted outputs by name, as Triton orders them, in the shapes of the configuration. */
function answerOutputs(
  { config }: ReadyVersion,
  response: BackendResponse,
  wanted: ReadonlySet<string>,
): readonly Tensor[] {
  return response.outputs
    .filter(({ name }) => wanted.has(name))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(tensor => {
      const declared = config.output.find(({ name }) => name === tensor.name);
      if (!declared?.reshape) return tensor;
      const batching = config.max_batch_size > 0;
      const inner = reshape(batching ? tensor.shape.slice(1) : tensor.shape, declared.reshape.shape, declared.dims);
      return { ...tensor, shape: batching ? [tensor.shape[0]!, ...inner] : inner };
    });
}
