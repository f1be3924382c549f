/**
 * A transport → a client: inputs in any form become tensors, answers are held to what was expected, and calls keep to their deadline and policy.
 */
import { type CallOptions, type ConnectOptions, type InferOptions, wireParameters } from "./call-options.js";
import { ClientError, errorOf, InvalidRequestError, ProtocolError, UnsupportedError, wrong } from "./client-error.js";
import type { Answer, Client, StreamAnswer, StreamOptions, StreamRequest } from "./client-interface.js";
import { DriftError, findDrift, fits } from "./drift.js";
import { type Ask, management } from "./management.js";
import type { ModelType, ModelTypes } from "./model-types.js";
import { isComplete, readInput } from "./read-input.js";
import { withRetries } from "./retry.js";
import { fromRows, toRows } from "./rows.js";
import { beginSequence } from "./sequence.js";
import type { Tensor } from "./tensor.js";
import type { CallSettings, RpcAnswer, Transport, WireAnswer, WireRequest } from "./wire-call.js";

type Outputs = Readonly<Record<string, Tensor>>;
type Metadata = RpcAnswer<"ModelMetadata">;
type Inputs = Readonly<Record<string, unknown>>;

export function createClient<M extends ModelTypes>(transport: Transport, options: ConnectOptions): Client<M> {
  const known = new Map<string, Metadata>();
  const asked = new Map<string, Promise<Metadata>>();

  const settings = (call: CallOptions = {}): CallSettings => ({
    headers: call.headers ? { ...options.headers, ...call.headers } : (options.headers ?? {}),
    signal: call.signal,
    timeout: call.deadline ?? options.deadline,
  });
  const policy = (call: CallOptions = {}) => call.retry ?? options.retry;

  const ask: Ask = (rpc, request, call) =>
    withRetries(now => transport.call(rpc, request, now), policy(call), settings(call), true);
  const forget = (model: string): void => {
    for (const key of known.keys()) if (key.startsWith(`${model}\n`)) known.delete(key);
  };

  /** What a model takes, asked once for all. */
  const describe = async (model: string, version: string, call: CallOptions | undefined): Promise<Metadata> => {
    const key = `${model}\n${version}`;
    const found = known.get(key);
    if (found) return found;
    const under = asked.get(key);
    // Whoever asks first must not make others wait for an answer that its own signal ended.
    if (under && !call?.signal) return under;
    const asking = ask("ModelMetadata", { name: model, version }, call).then(metadata => {
      known.set(key, metadata);
      return metadata;
    });
    if (!call?.signal) {
      asked.set(key, asking);
      asking.then(
        () => asked.delete(key),
        () => asked.delete(key),
      );
    }
    return asking;
  };

  const toRequest = async (model: string, inputs: Inputs, call: InferOptions): Promise<WireRequest> => {
    const version = call.version === undefined ? "" : String(call.version);
    const given = Object.entries(inputs).filter(([, value]) => value !== undefined);
    const isKnown = given.every(([, value]) => isComplete(value));
    const declared = isKnown ? undefined : await describe(model, version, call);
    const tensors = given.map(([name, value]) => {
      const found = declared?.inputs.find(one => one.name === name);
      if (declared && !found && !isComplete(value))
        throw wrong(
          `model "${model}" has no input \`${name}\`: it has ${declared.inputs.map(one => `\`${one.name}\``).join(", ") || "none"}`,
          model,
        );
      return readInput(name, value, found);
    });
    return {
      model,
      version,
      id: call.requestId ?? "",
      parameters: wireParameters(call, model),
      inputs: tensors,
      outputs: wantedOutputs(call),
    };
  };

  const request = async (model: string, inputs: Inputs, call: InferOptions = {}): Promise<Answer<Outputs>> => {
    const limits = settings(call);
    try {
      return await withRetries(
        async now => {
          const wire = await toRequest(model, inputs, call);
          return checked(await transport.infer(wire, now), wire);
        },
        policy(call),
        limits,
        call.sequence === undefined,
      );
    } catch (error) {
      // What the server takes may have changed since it was asked.
      if (error instanceof InvalidRequestError && !error.notSent) forget(model);
      throw placed(error, model, call.requestId);
    }
  };

  /** Outputs by name; where models are expected, as their types say. */
  const checked = (answer: WireAnswer, wire: WireRequest): Answer<Outputs> => {
    const outputs: Record<string, Tensor> = {};
    for (const tensor of answer.outputs) outputs[tensor.name] = tensor;
    for (const { name } of wire.outputs)
      if (!Object.hasOwn(outputs, name))
        throw new ProtocolError(
          "INTERNAL",
          `the answer lacks output \`${name}\`: it has ${Object.keys(outputs).join(", ") || "none"}`,
        );
    const expected = options.models?.[wire.model];
    if (expected) holdTo(expected, outputs, wire);
    const { model, version, id, parameters } = answer;
    return { outputs, model, version, id, parameters: parameters.size === 0 ? {} : Object.fromEntries(parameters) };
  };

  async function* stream(
    model: string,
    requests: Inputs | AsyncIterable<StreamRequest<Inputs>> | Iterable<StreamRequest<Inputs>>,
    call: StreamOptions = {},
  ): AsyncGenerator<StreamAnswer<Outputs>, void, undefined> {
    const several = Symbol.asyncIterator in requests || Symbol.iterator in requests;
    const source = (several ? requests : [{ inputs: requests }]) as AsyncIterable<StreamRequest<Inputs>>;
    // Only gRPC's streams can say which answer is the last.
    const marks = transport.protocol === "grpc";
    const wires = async function* (): AsyncGenerator<WireRequest> {
      for await (const { inputs, ...own } of source) {
        const wire = await toRequest(model, inputs, { ...call, ...own });
        yield marks
          ? { ...wire, parameters: [...wire.parameters, ["triton_enable_empty_final_response", true] as const] }
          : wire;
      }
    };
    try {
      const answers = transport.stream(wires(), settings(call), (name, version) => describe(name, version, call));
      for await (const { answer, fault } of answers) {
        const { outputs, model: answering, version, id, parameters } = answer;
        const { triton_final_response: last, ...rest } = Object.fromEntries(parameters);
        const isFinal = last === true;
        const whole = { model: answering || model, version, id, parameters: rest, isFinal };
        if (fault !== undefined) {
          const error = errorOf("UNKNOWN", fault, { model, requestId: id || call.requestId });
          if (call.errors !== "yield") throw error;
          yield { ...whole, outputs: {}, error };
        } else if (outputs.length > 0 || !isFinal)
          yield { ...whole, outputs: Object.fromEntries(outputs.map(tensor => [tensor.name, tensor])) };
        // An empty last answer only says that it is over.
        else yield { ...whole, outputs: {} };
      }
    } catch (error) {
      throw placed(error, model, call.requestId);
    }
  }

  const client = {
    protocol: transport.protocol,
    address: transport.address,
    ...management(ask, forget),
    infer: async (model: string, inputs: Inputs, call?: InferOptions) => (await request(model, inputs, call)).outputs,
    answer: request,
    stream,
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

const wantedOutputs = ({ outputs, classes = {}, regions = {} }: InferOptions): WireRequest["outputs"] => {
  const names = outputs ?? [...new Set([...Object.keys(classes), ...Object.keys(regions)])];
  return names.map(name => {
    const [best, region] = [classes[name], regions[name]];
    return {
      name,
      ...(best !== undefined && { classes: best }),
      ...(region && { region: { region: region.region, byteSize: region.byteSize, offset: region.offset ?? 0 } }),
    };
  });
};

/** Where something is typed, an answer that is something else must not pass for it. */
function holdTo({ outputs: expected }: ModelType, outputs: Outputs, { outputs: wanted, model }: WireRequest): void {
  for (const [name, type] of Object.entries(expected)) {
    const wish = wanted.find(one => one.name === name);
    if (wish?.classes !== undefined || (wanted.length > 0 && !wish)) continue;
    const tensor = outputs[name];
    if (!tensor && type.optional) continue;
    const seen = tensor ? `${tensor.datatype} [${tensor.shape.join(",")}]` : "missing";
    if (!tensor || tensor.datatype !== type.datatype || !fits(type.shape, tensor.shape))
      throw new ProtocolError(
        "INTERNAL",
        `output \`${name}\` is ${seen}, and the model was typed with ${type.datatype} [${type.shape.join(",")}]`,
        { model },
      );
  }
}

/** Errors of the lower layers do not know whom they were for. */
function placed(error: unknown, model: string, requestId: string | undefined): unknown {
  if (error instanceof ClientError)
    Object.assign(error, { model: error.model ?? model, requestId: error.requestId ?? requestId });
  return error;
}
