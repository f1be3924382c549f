/**
 * On the server's side: requests → records of the ring, and the records of answers → answers.
 */

import { RuntimeFault } from "../../../base/errors.js";
import type { BackendRequest, BackendResponse } from "../../contract.js";
import { NO_CONTROLS } from "../../requests/controls.js";
import type { Loan } from "./buffer-loans.js";
import type { AnswerRest, RequestRest, WireRecord } from "./protocol.js";
import { deserialize, serialize } from "./structured-bytes.js";

/**
 * @param cell where the model sees whether the client has disconnected
 * @param outputs how many outputs the model has; a request for all of them need not name them
 * @param loan of a request with large tensors
 */
export function packRequest(request: BackendRequest, cell: number, outputs: number, loan?: Loan): WireRecord {
  const { id, inputs, parameters, controls, requestedOutputs } = request;
  const traceparent = request.trace?.traceparent;
  const record: WireRecord = loan
    ? { number: cell, id, tensors: loan.tensors, buffers: loan.buffers }
    : { number: cell, id, tensors: [...inputs.values()] };
  const all = requestedOutputs.size === outputs;
  if (all && parameters.size === 0 && controls === NO_CONTROLS && !traceparent) return record;
  const { correlationId, start, end, timeout, priority } = controls;
  const rest: RequestRest = {
    ...{ correlationId, start, end, timeout, priority },
    parameters: [...parameters],
    ...(!all && { outputs: [...requestedOutputs] }),
    ...(traceparent && { traceparent }),
  };
  return { ...record, rest: serialize(rest) };
}

export function readAnswer({ tensors, rest: packed }: WireRecord): BackendResponse {
  if (!packed) return { outputs: tensors };
  const { parameters, error, again } = deserialize(packed) as AnswerRest;
  return {
    outputs: tensors,
    ...(parameters && { parameters }),
    ...(error && { error: new RuntimeFault(error.code, error.message) }),
    ...(again && { again }),
  };
}
