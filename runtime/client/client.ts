/**
 * A transport → a client: inputs in any form become tensors, answers are held to what was expected, and calls keep to their deadline and policy.
 */
import type { CallOptions, ConnectOptions, InferOptions } from "./call-options.js";
import { InvalidRequestError, placed, UnsupportedError } from "./client-error.js";
import type { Answer, Client, StreamOptions } from "./client-interface.js";
import { DriftError, findDrift } from "./drift.js";
import { type Ask, management } from "./management.js";
import { modelDescriptions } from "./model-descriptions.js";
import type { ModelTypes } from "./model-types.js";
import { type Outputs, readAnswer } from "./read-answer.js";
import { withRetries } from "./retry.js";
import { fromRows, toRows } from "./rows.js";
import { beginSequence } from "./sequence.js";
import { type StreamRequests, streamAnswers } from "./stream-answers.js";
import type { CallSettings, Transport } from "./wire-call.js";
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
