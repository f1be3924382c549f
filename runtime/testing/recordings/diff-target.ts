/**
 * One side of a comparison: a running server, a model repository, or a cassette → something that answers recorded requests and, where that can be
 * known, tells what each stage made.
 */
import { stat } from "node:fs/promises";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { RuntimeFault } from "../../base/errors.js";
import { ClientError, connect } from "../../client/index.js";
import { serve } from "../../server/lifecycle/server.js";
import { type Exchange, readCassette } from "../../server/recordings/cassette.js";
import type { RequestTensor } from "../../server/requests/request.js";
import { readTensorJson, type TensorJson } from "../../server/requests/tensor-json.js";

/** A request as it is sent again. */
export type Asked = Pick<Exchange, "model" | "version" | "id" | "parameters" | "inputs" | "outputs" | "stream">;

export interface Outcome {
  readonly answers: readonly { readonly outputs: readonly RequestTensor[]; readonly error?: string }[];
  readonly error?: { readonly code: string; readonly message: string };
}

/** What a stage made. */
export interface StageTrace {
  readonly stage: string;
  readonly tensors: readonly RequestTensor[];
}

export interface DiffTarget {
  readonly name: string;
  ask(request: Asked): Promise<Outcome>;
  config(model: string): Promise<ModelConfig | undefined>;
  /** Nothing where the stages can't be seen from here. */
  stages(request: Asked): Promise<readonly StageTrace[]>;
  close(): Promise<void>;
}

/** @throws Error for what is neither */
export async function openDiffTarget(text: string): Promise<DiffTarget> {
  const found = await stat(text).catch(() => undefined);
  if (found?.isDirectory()) return repositoryTarget(text);
  if (found?.isFile()) return cassetteTarget(text);
  if (/^(grpcs?|https?):\/\//.test(text)) return serverTarget(text, text);
  if (/^[\w.-]+:\d+$/.test(text)) return serverTarget(text, `grpc://${text}`);
  throw new Error(`${text} is no model repository, no cassette, and no server (host:8001, grpc://… or http://…)`);
}

/** The inputs as they were sent, whatever the model's metadata says. */
const given = (inputs: Asked["inputs"]) =>
  Object.fromEntries(
    inputs.map(tensor => [tensor.name, { datatype: tensor.datatype as "FP32", shape: tensor.shape, raw: tensor.data }]),
  );

/** Front of the response parameters that hold the tensors of a stage. */
const STAGE = "stage.";

async function serverTarget(name: string, url: string): Promise<DiffTarget> {
  const client = await connect(url);
  await client.serverMetadata();
  const configs = new Map<string, Promise<ModelConfig | undefined>>();
  return {
    name,
    async ask({ model, version, id, parameters, inputs, outputs, stream }) {
      const asked = given(inputs);
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
          for await (const { outputs: made, error, isFinal } of client.stream(model, asked, {
            ...options,
            errors: "yield",
          } as never)) {
            const found = tensors(made ?? {});
            // The empty answer that only says "no more" is none.
            if (error || found.length > 0 || !isFinal)
              answers.push({ outputs: found, ...(error && { error: error.message }) });
          }
        else answers.push({ outputs: tensors(await client.infer(model, asked as never, options as never)) });
        return { answers };
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        return { answers, error: { code: error.code, message: error.message } };
      }
    },
    config(model) {
      const known = configs.get(model) ?? client.modelConfig(model).catch(() => undefined);
      configs.set(model, known);
      return known;
    },
    // A server of Merlon tells what the steps of a plan made; any other does not know the parameter.
    async stages({ model, version, id, parameters, inputs, stream }) {
      if (stream) return [];
      const told = await client
        .answer(model, given(inputs) as never, {
          requestId: id,
          parameters: { ...Object.fromEntries(parameters), stages: true },
          ...(version && { version }),
        })
        .catch(() => undefined);
      return Object.entries(told?.parameters ?? {}).flatMap(([key, text]): StageTrace[] =>
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

async function repositoryTarget(folder: string): Promise<DiffTarget> {
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
  const client = await serverTarget(folder, `grpc://127.0.0.1:${server.ports.grpc}`);
  return {
    ...client,
    async close() {
      await client.close();
      await server.stop();
    },
  };
}

/** Answers with what was recorded for this very request. */
async function cassetteTarget(file: string): Promise<DiffTarget> {
  const cassette = await readCassette(file);
  return {
    name: file,
    async ask(request) {
      const exchange =
        cassette.exchanges.find(one => one === request) ?? cassette.exchanges.find(one => isSame(one, request));
      if (!exchange) throw new RuntimeFault("NOT_FOUND", `${file} has no such request`);
      const { answers, error } = exchange;
      return { answers, ...(error && { error: { code: error.code, message: error.message } }) };
    },
    config: async model => cassette.models.get(model),
    stages: async () => [],
    close: async () => {},
  };
}

const isSame = (a: Asked, b: Asked): boolean =>
  a.model === b.model &&
  a.inputs.length === b.inputs.length &&
  a.inputs.every(tensor => {
    const other = b.inputs.find(({ name }) => name === tensor.name);
    return (
      other !== undefined && Buffer.from(tensor.data).equals(other.data) && other.shape.join() === tensor.shape.join()
    );
  });
