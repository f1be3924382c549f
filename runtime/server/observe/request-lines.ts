/**
 * The lines of a verbose log about one request, in Triton's words: its prepared form, or the reason of its failure. A fault of the model
 * itself has no line. Nothing is made while the log is not verbose.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { RuntimeFault } from "../../base/errors.js";
import type { Parameter } from "../../base/tensor.js";
import type { InferRequest } from "../contract.js";
import type { ReadyVersion } from "../models/ready-version.js";
import { requestPrefix } from "../requests/request-prefix.js";
import type { ValidRequest } from "../requests/validate.js";
import { stateText } from "./request-states.js";
import type { ServerLog } from "./server-log.js";

/** @param id as far as it was read; empty where it is not known */
export function logRefusal(log: ServerLog, source: string, id: string, fault: RuntimeFault): void {
  const { message, detail } = fault;
  const named = detail === undefined ? "" : ` (${detail})`;
  if (log.isVerbose) log.verbose(source, `${requestPrefix(id)}Infer failed: ${message}${named}`);
}

/** @param wanted the version as the client named it, empty for the latest */
export function logPrepared(
  log: ServerLog,
  version: ReadyVersion,
  wanted: string,
  request: InferRequest,
  valid: ValidRequest,
): void {
  if (!log.isVerbose) return;
  log.verbose("infer_request", stateText(request.id, "INITIALIZED", "INITIALIZED"));
  log.verbose("infer_request", preparedText(version, wanted, request, valid));
}

/** Triton's text without the addresses of its objects. */
function preparedText(
  { config, version }: ReadyVersion,
  wanted: string,
  { id, parameters, inputs, outputs }: InferRequest,
  valid: ValidRequest,
): string {
  const flags = Number(parameters.get("sequence_start") === true) + 2 * Number(parameters.get("sequence_end") === true);
  const number = (key: string): Parameter => parameters.get(key) ?? 0;
  const head = [
    `request id: ${id}, model: ${config.name}, requested version: ${wanted || -1}, actual version: ${version}`,
    `flags: 0x${flags}, correlation id: ${number("sequence_id")}, batch size: ${valid.batch}`,
    `priority: ${priorityIn(config, number("priority"))}, timeout (us): ${number("timeout")}`,
  ];
  const batching = config.max_batch_size > 0;
  const tensors = inputs.map(({ name, datatype, shape }) => {
    const whole = valid.inputs.get(name)?.shape ?? shape;
    return `input: ${name}, type: ${datatype}, original shape: ${list(shape)}, batch + shape: ${list(whole)}, shape: ${list(batching ? whole.slice(1) : whole)}`;
  });
  const lines = [
    `${requestPrefix(id)}prepared: ${head.join(", ")}`,
    ...["original inputs:", ...tensors, "override inputs:", "inputs:", ...tensors],
    ...["original requested outputs:", ...[...outputs].sort(), "requested outputs:", ...[...valid.outputs].sort()],
  ];
  return `${lines.join("\n")}\n`;
}

/** The model's own level where a client names none, or one that there isn't. */
function priorityIn({ dynamic_batching }: ModelConfig, wanted: Parameter): Parameter {
  const levels = Number(dynamic_batching?.priority_levels ?? 0);
  const isLevel = Number(wanted) > 0 && Number(wanted) <= levels;
  return isLevel ? wanted : String(dynamic_batching?.default_priority_level ?? 0);
}

const list = (shape: readonly number[]): string => `[${shape.join(",")}]`;
