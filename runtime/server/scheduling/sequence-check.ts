/**
 * The required parts of a request to a sequence model: nothing, or a refusal with Triton's text.
 */
import { configDatatype } from "../../../triton-protos/datatype.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { Refusal } from "../../base/errors.js";
import type { BackendRequest } from "../contract.js";
import { requestPrefix } from "../requests/request-prefix.js";

const refuse = (text: string): never => {
  throw new Refusal("INVALID_ARGUMENT", text);
};

const isOfId = ({ kind }: { readonly kind: string }): boolean => kind === "CONTROL_SEQUENCE_CORRID";

/** @param known whether a sequence with the request's id is under way */
export function checkSequenceRequest(config: ModelConfig, request: BackendRequest, known: boolean): void {
  const { correlationId: id, start } = request.controls;
  const model = config.name;
  const input = config.sequence_batching!.control_input.find(({ control }) => control.some(isOfId));
  const wanted = input && configDatatype(input.control.find(isOfId)!.data_type)?.wire;
  const given = typeof id === "string" ? "BYTES" : "UINT64";
  if (wanted && (wanted === "BYTES") !== (given === "BYTES"))
    refuse(
      `${requestPrefix(request.id)}sequence batching control '${input.name}' data-type is '${given}', but model '${model}' expects '${wanted}'`,
    );
  if (request.batch > 1)
    refuse(`inference request to model '${model}' must specify batch-size 1 due to requirements of sequence batcher`);
  if (id === 0n || id === "")
    refuse(`inference request to model '${model}' must specify a non-zero or non-empty correlation ID`);
  if (!start && !known) throw notStarted(config, id);
}

export const notStarted = (config: ModelConfig, id: bigint | string): Refusal =>
  new Refusal(
    "INVALID_ARGUMENT",
    `inference request for sequence ${id} to model '${config.name}' must specify the START flag on the first request of the sequence`,
  );
