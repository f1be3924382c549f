/**
 * Answers of a streamed call, one by one; a fault ends the call, or is one of them.
 */
import { errorOf, placed } from "./client-error.js";
import type { StreamAnswer, StreamOptions, StreamRequest } from "./client-interface.js";
import type { Describe } from "./model-descriptions.js";
import type { Outputs } from "./read-answer.js";
import type { CallSettings, Transport, WireRequest } from "./wire-call.js";
import { type Inputs, writeRequest } from "./write-request.js";

export type StreamRequests = Inputs | AsyncIterable<StreamRequest<Inputs>> | Iterable<StreamRequest<Inputs>>;

/** The parts of a client that a stream needs. */
export interface StreamParts {
  readonly transport: Transport;
  readonly describe: Describe;
  readonly settings: CallSettings;
}

/** @param requests several, or the inputs of one */
export async function* streamAnswers(
  { transport, describe, settings }: StreamParts,
  model: string,
  requests: StreamRequests,
  call: StreamOptions,
): AsyncGenerator<StreamAnswer<Outputs>, void, undefined> {
  const source = sourceOf(requests);
  // Only gRPC's streams can say which answer is the last.
  const marks = transport.protocol === "grpc";
  const wires = async function* (): AsyncGenerator<WireRequest> {
    for await (const { inputs, ...own } of source) {
      const wire = await writeRequest(model, inputs, { ...call, ...own }, describe);
      yield marks
        ? { ...wire, parameters: [...wire.parameters, ["triton_enable_empty_final_response", true] as const] }
        : wire;
    }
  };
  try {
    const answers = transport.stream(wires(), settings, (name, version) => describe(name, version, call));
    for await (const { answer, fault } of answers) {
      const { outputs, model: answering, version, id, parameters } = answer;
      const { triton_final_response: last, ...rest } = Object.fromEntries(parameters);
      const whole = { model: answering || model, version, id, parameters: rest, isFinal: last === true };
      if (fault === undefined) {
        // An empty last answer only says that it is over.
        yield { ...whole, outputs: Object.fromEntries(outputs.map(tensor => [tensor.name, tensor])) };
        continue;
      }
      const error = errorOf("UNKNOWN", fault, { model, requestId: id || call.requestId });
      if (call.errors !== "yield") throw error;
      yield { ...whole, outputs: {}, error };
    }
  } catch (error) {
    throw placed(error, model, call.requestId);
  }
}

const sourceOf = (requests: StreamRequests): AsyncIterable<StreamRequest<Inputs>> => {
  const several = Symbol.asyncIterator in requests || Symbol.iterator in requests;
  return (several ? requests : [{ inputs: requests }]) as AsyncIterable<StreamRequest<Inputs>>;
};
