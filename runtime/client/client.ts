/**
 * A transport → a client: inputs in any form become tensors, answers are held to what was expected, and calls keep to their deadline and policy.
 */

import type { CallOptions, ConnectOptions, InferOptions } from "./call-options.js";
import { errorOf, InvalidRequestError, placed, UnsupportedError, wrong } from "./client-error.js";
import type { Answer, Client, StreamAnswer, StreamOptions, StreamRequest } from "./client-interface.js";
import { DriftError, findDrift } from "./drift.js";
import { type Ask, management } from "./management.js";
import { type Describe, modelDescriptions } from "./model-descriptions.js";
import type { ModelTypes } from "./model-types.js";
import { type Outputs, readAnswer } from "./read-answer.js";
import { withRetries } from "./retry.js";
import { fromRows, toRows } from "./rows.js";
import type { Tensor } from "./tensor.js";
import type { CallSettings, Transport, WireRequest } from "./wire-call.js";
import { type Inputs, writeRequest } from "./write-request.js";

export function createClient<M extends ModelTypes>(transport: Transport, options: ConnectOptions): Client<M> {
  const settings = (call: CallOptions = {}): CallSettings => ({
    headers: call.headers ? { ...options.headers, ...call.headers } : (options.headers ?? {}),
    signal: call.signal,
    timeout: call.deadline ?? options.deadline,
  });
  const policy = (call: CallOptions = {}) => call.retry ?? options.retry;

  const ask: Ask = (rpc, request, call) =>
    withRetries(now => transport.call(rpc, request, now), policy(call), settings(call), true);
  const { describe, forget } = modelDescriptions(ask);

  const request = async (model: string, inputs: Inputs, call: InferOptions = {}): Promise<Answer<Outputs>> => {
    const limits = settings(call);
    try {
      return await withRetries(
        async now => {
          const wire = await writeRequest(model, inputs, call, describe);
          return readAnswer(await transport.infer(wire, now), wire, options.models);
        },
        policy(call),
        limits,
        call.sequence === undefined,
      );
    } catch (error) {
      // The metadata may have changed since it was fetched.
      if (error instanceof InvalidRequestError && !error.notSent) forget(model);
      throw placed(error, model, call.requestId);
    }
  };

  const client = {
    protocol: transport.protocol,
    address: transport.address,
    ...management(ask, forget),
    infer: async (model: string, inputs: Inputs, call?: InferOptions) => (await request(model, inputs, call)).outputs,
    answer: request,
    stream: (model: string, requests: StreamRequests, call: StreamOptions = {}) =>
      streamAnswers({ transport, describe, settings: settings(call) }, model, requests, call),
    sequence: (model: string, call: InferOptions & { id?: bigint | number | string } = {}) =>
      beginSequence(model, call, async (inputs, one) => (await request(model, inputs, one)).outputs),
    async rows(model: string, rows: readonly Readonly<Record<string, unknown>>[], call: InferOptions = {}) {
      const declared = await describe(model, call.version === undefined ? "" : String(call.version), call);
      return toRows((await request(model, fromRows(rows, declared), call)).outputs);
    },
    async *generate(
      model: string,
      body: Readonly<Record<string, unknown>>,
      call: CallOptions & { version?: string | number } = {},
    ) {
      if (!transport.generate)
        throw new UnsupportedError(
          "UNIMPLEMENTED",
          "KServe has no generate call over gRPC: connect to the server's http:// port",
          { model },
        );
      yield* transport.generate(
        { model, version: call.version === undefined ? "" : String(call.version), body },
        settings(call),
      );
    },
    drift: () =>
      findDrift(options.models ?? {}, model => ask("ModelMetadata", { name: model, version: "" }, undefined)),
    close: () => transport.close(),
    [Symbol.asyncDispose]: () => transport.close(),
  };
  return client as unknown as Client<M>;
}

/** @throws DriftError, or warns */
export async function checkDrift(client: Client, { models, drift = "throw" }: ConnectOptions): Promise<void> {
  if (!models) return;
  const differences = await client.drift();
  if (differences.length === 0) return;
  const error = new DriftError(differences, client.address);
  if (drift === "throw") throw error;
  console.warn(error.message);
}

type Infer = (inputs: Inputs, options: InferOptions) => Promise<Readonly<Record<string, Tensor>>>;

/** A sequence: requests with one id, the first marked as the start and the last as the end. */
function beginSequence(
  model: string,
  { id: given, ...options }: InferOptions & { readonly id?: bigint | number | string },
  infer: Infer,
) {
  const id = given === undefined ? randomId() : typeof given === "string" ? given : BigInt(given);
  let state: "new" | "open" | "ended" = "new";
  const ask = (
    inputs: Inputs,
    call: InferOptions | undefined,
    end: boolean,
  ): Promise<Readonly<Record<string, Tensor>>> => {
    if (state === "ended") throw wrong(`sequence ${id} has ended: begin another one`, model);
    const start = state === "new";
    state = end ? "ended" : "open";
    return infer(inputs, { ...options, ...call, sequence: { id, start, end } });
  };
  return {
    id,
    infer: async (inputs: Inputs, call?: InferOptions) => ask(inputs, call, false),
    end: async (inputs: Inputs, call?: InferOptions) => ask(inputs, call, true),
  };
}

/** Positive and of 63 bits: some servers take the id as a signed number. */
const randomId = (): bigint => {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return (BigInt(high & 0x7fffffff) << 32n) | BigInt(low) || 1n;
};

type StreamRequests = Inputs | AsyncIterable<StreamRequest<Inputs>> | Iterable<StreamRequest<Inputs>>;

/** The parts of a client that a stream needs. */
interface StreamParts {
  readonly transport: Transport;
  readonly describe: Describe;
  readonly settings: CallSettings;
}

/**
 * Answers of a streamed call, one by one; a fault ends the call, or is one of them.
 * @param requests several, or the inputs of one
 */
async function* streamAnswers(
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
