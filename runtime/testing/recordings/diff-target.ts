/**
 * One side of a comparison: a running server, a model repository, or a cassette. It responds to recorded requests and, if possible, returns
 * the output of each stage.
 */
import { realpath, stat } from "node:fs/promises";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { ClientError, connect } from "../../client/index.js";
import type { RequestTensor } from "../../server/contract.js";
import { serve } from "../../server/lifecycle/server.js";
import { type Cassette, openCassette } from "../../server/recordings/cassette.js";
import type { Exchange } from "../../server/recordings/exchange.js";
import { createMatcher, type Matcher, ownParameters } from "../../server/recordings/match.js";
import { readTensorJson, type TensorJson } from "../../server/requests/tensor-json.js";

/** A request as it is sent again; `line` is where it was recorded. */
export interface RecordedRequest
  extends Pick<Exchange, "model" | "version" | "id" | "parameters" | "inputs" | "outputs" | "stream"> {
  readonly line?: number;
}

export interface Outcome {
  readonly answers: readonly { readonly outputs: readonly RequestTensor[]; readonly error?: string }[];
  readonly error?: { readonly code: string; readonly message: string };
}

/** The output of a stage. */
export interface StageTrace {
  readonly stage: string;
  readonly tensors: readonly RequestTensor[];
}

export interface DiffTarget {
  readonly name: string;
  /** @throws Error where a server gives no answer in time, or can't be reached */
  send(request: RecordedRequest): Promise<Outcome>;
  config(model: string): Promise<ModelConfig | undefined>;
  /** Nothing where the stages can't be seen from here. */
  stages(request: RecordedRequest): Promise<readonly StageTrace[]>;
  close(): Promise<void>;
}

export interface DiffTargetOptions {
  /** The cassette whose requests are sent: where the target is that file too, each is answered as on its own line. */
  readonly requests?: Cassette;
  /** Milliseconds that a server has for an answer. @default 60,000 */
  readonly deadline?: number;
}

const DEADLINE_MS = 60_000;

/** @throws Error if it is neither */
export async function openDiffTarget(
  text: string,
  { requests, deadline = DEADLINE_MS }: DiffTargetOptions = {},
): Promise<DiffTarget> {
  const found = await stat(text).catch(() => undefined);
  if (found?.isDirectory()) return repositoryTarget(text, deadline);
  if (found?.isFile()) return cassetteTarget(text, requests);
  if (/^(grpcs?|https?):\/\//.test(text)) return serverTarget(text, text, deadline);
  if (/^[\w.-]+:\d+$/.test(text)) return serverTarget(text, `grpc://${text}`, deadline);
  throw new Error(`${text} is not a model repository, a cassette or a server (host:8001, grpc://… or http://…)`);
}

/** The inputs as they were sent, whatever the model's metadata says. */
const given = (inputs: RecordedRequest["inputs"]) =>
  Object.fromEntries(
    inputs.map(tensor => [tensor.name, { datatype: tensor.datatype as "FP32", shape: tensor.shape, raw: tensor.data }]),
  );

/** Front of the response parameters that hold the tensors of a stage. */
const STAGE = "stage.";

async function serverTarget(name: string, url: string, deadline: number): Promise<DiffTarget> {
  const client = await connect(url, { deadline });
  try {
    await client.serverMetadata();
  } catch (error) {
    await client.close();
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
  }
  const configs = new Map<string, Promise<ModelConfig | undefined>>();
  return {
    name,
    async send({ line, model, version, id, parameters, inputs, outputs, stream }) {
      const began = performance.now();
      const sent = given(inputs);
      const options = {
        requestId: id,
        parameters: Object.fromEntries(parameters),
        ...(outputs.length > 0 && { outputs }),
        ...(version && { version }),
      };
      const tensors = (made: object): readonly RequestTensor[] =>
        Object.values(
          made as Readonly<
            Record<string, { name: string; datatype: string; shape: readonly number[]; raw: Uint8Array }>
          >,
        ).map(({ name: output, datatype, shape, raw }) => ({ name: output, datatype, shape, data: raw }));
      const answers: { outputs: readonly RequestTensor[]; error?: string }[] = [];
      try {
        if (stream)
          for await (const { outputs: made, error, isFinal } of client.stream(model, sent, {
            ...options,
            errors: "yield",
          } as never)) {
            const found = tensors(made ?? {});
            // The empty answer that only says "no more" is none.
            if (error || found.length > 0 || !isFinal)
              answers.push({ outputs: found, ...(error && { error: error.message }) });
          }
        else answers.push({ outputs: tensors(await client.infer(model, sent as never, options as never)) });
        return { answers };
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        if (error.code === "DEADLINE_EXCEEDED" && performance.now() - began >= deadline)
          throw new Error(
            `${name} gave no answer to ${line === undefined ? "a request" : `the request on line ${line}`} within ${deadline / 1000} s. --deadline gives it longer`,
          );
        return { answers, error: { code: error.code, message: error.message } };
      }
    },
    config(model) {
      const known = configs.get(model) ?? client.modelConfig(model).catch(() => undefined);
      configs.set(model, known);
      return known;
    },
    // A server of Merlon answers what the steps of a plan made; any other ignores the parameter.
    async stages({ model, version, id, parameters, inputs, stream }) {
      if (stream) return [];
      const answer = await client
        .answer(model, given(inputs) as never, {
          requestId: id,
          parameters: { ...Object.fromEntries(parameters), stages: true },
          ...(version && { version }),
        })
        .catch(() => undefined);
      return Object.entries(answer?.parameters ?? {}).flatMap(([key, text]): StageTrace[] =>
        key.startsWith(STAGE)
          ? [
              {
                stage: key.slice(STAGE.length),
                tensors: (JSON.parse(String(text)) as TensorJson[]).map(readTensorJson),
              },
            ]
          : [],
      );
    },
    close: () => client.close(),
  };
}

async function repositoryTarget(folder: string, deadline: number): Promise<DiffTarget> {
  const loopback = { address: "127.0.0.1", port: 0 };
  const log: string[] = [];
  const server = await serve({
    modelRepositories: [folder],
    grpc: loopback,
    http: false,
    metrics: false,
    seed: 0n,
    writeLog: (text, stream) => {
      if (stream === "stderr") log.push(text);
    },
  }).catch(error => {
    throw new Error(`${folder} can't be served: ${(error as Error).message}\n${log.join("")}`, { cause: error });
  });
  const client = await serverTarget(folder, `grpc://127.0.0.1:${server.ports.grpc}`, deadline);
  return {
    ...client,
    async close() {
      await client.close();
      await server.stop();
    },
  };
}

/** Returns the recorded response of this request; for another cassette, those of equal requests in their order. */
async function cassetteTarget(file: string, requests: Cassette | undefined): Promise<DiffTarget> {
  const cassette = await openCassette(file);
  const isSameFile = requests !== undefined && (await realpath(requests.file)) === (await realpath(file));
  const byLine = new Map(cassette.entries.map(entry => [entry.line, entry]));
  const matchers = new Map<string, Promise<Matcher>>();
  const matcherOf = (model: string): Promise<Matcher> => {
    const known = matchers.get(model);
    if (known) return known;
    const entries = cassette.entries.filter(one => one.model === model);
    const made = createMatcher(cassette, entries, "strict");
    matchers.set(model, made);
    return made;
  };
  const find = async ({ model, version, inputs, parameters, outputs, line }: RecordedRequest) => {
    const same = isSameFile && line !== undefined ? byLine.get(line) : undefined;
    if (same) return cassette.read(same);
    const match = await matcherOf(model);
    const { exchange } = await match({
      inputs: new Map(inputs.map(tensor => [tensor.name, tensor])),
      parameters: ownParameters(parameters),
      outputs: new Set(outputs),
      named: { version, outputs },
    });
    return exchange;
  };
  return {
    name: file,
    async send(request) {
      const exchange = await find(request);
      if (!exchange)
        return { answers: [], error: { code: "NOT_FOUND", message: `${file} has no request equal to this one` } };
      const { answers, error } = exchange;
      return { answers, ...(error && { error: { code: error.code, message: error.message } }) };
    },
    // Neither a configuration: the members of a recorded ensemble were not recorded.
    config: async () => undefined,
    stages: async () => [],
    close: () => cassette.close(),
  };
}
