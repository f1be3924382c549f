/**
 * A cassette: what clients asked a server and what it answered, one JSON object on each line, in the order of the answers. The first line says what
 * it is; a line `model` has the configuration of a model before the first request to it.
 */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { complete } from "../../../triton-protos/complete-message.js";
import { exactJson } from "../../../triton-protos/json-message/exact-json.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { RuntimeFault } from "../../base/errors.js";
import type { Parameter } from "../../base/tensor.js";
import type { RequestTensor } from "../requests/request.js";
import { readTensorJson, type TensorJson, writeTensorJson } from "../requests/tensor-json.js";

const FORMAT = "merlon/cassette";
const VERSION = 1;

export interface RecordedFault {
  /** gRPC's name of the status. */
  readonly code: string;
  readonly message: string;
  /** The connection was lost; there was no status. */
  readonly cut?: true;
}

export interface RecordedAnswer {
  /** Milliseconds after the request. */
  readonly ms: number;
  readonly version: string;
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly outputs: readonly RequestTensor[];
  /** An answer of a stream that is a fault. */
  readonly error?: string;
}

/** A request and everything that came back. */
export interface Exchange {
  readonly protocol: "grpc" | "http";
  readonly model: string;
  /** Empty for the latest. */
  readonly version: string;
  readonly id: string;
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Secrets are masked. */
  readonly headers: Readonly<Record<string, string>>;
  readonly inputs: readonly RequestTensor[];
  /** Names of wanted outputs; empty for all. */
  readonly outputs: readonly string[];
  readonly stream: boolean;
  readonly answers: readonly RecordedAnswer[];
  readonly error?: RecordedFault;
  /** Line in the file, from 1. */
  readonly line: number;
}

export interface Cassette {
  readonly file: string;
  readonly server: { readonly name: string; readonly version: string };
  readonly models: ReadonlyMap<string, ModelConfig>;
  readonly exchanges: readonly Exchange[];
}

type ParameterJson = boolean | number | string | { readonly int: string };

const writeParameters = (parameters: Iterable<readonly [string, Parameter]>): Record<string, ParameterJson> =>
  Object.fromEntries(
    [...parameters].map(([key, value]) => [key, typeof value === "bigint" ? { int: String(value) } : value]),
  );
const readParameters = (json: Readonly<Record<string, ParameterJson>>): ReadonlyMap<string, Parameter> =>
  new Map(Object.entries(json).map(([key, value]) => [key, typeof value === "object" ? BigInt(value.int) : value]));

export const headLine = (target: string, server: Cassette["server"]): string =>
  JSON.stringify({ format: FORMAT, version: VERSION, recorded: new Date().toISOString(), target, server });

export const modelLine = (name: string, config: ModelConfig): string => exactJson({ kind: "model", name, config });

/** A call besides inference, for readers of the file. */
export const callLine = (call: Readonly<Record<string, unknown>>): string => JSON.stringify({ kind: "call", ...call });

export function exchangeLine({ line: _, parameters, inputs, answers, ...rest }: Exchange): string {
  return JSON.stringify({
    kind: "infer",
    ...rest,
    parameters: writeParameters(parameters),
    inputs: inputs.map(writeTensorJson),
    answers: answers.map(answer => ({
      ...answer,
      parameters: writeParameters(answer.parameters),
      outputs: answer.outputs.map(writeTensorJson),
    })),
  });
}

const tensor = z.object({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.number()),
  data: z.array(z.union([z.number(), z.string()])).optional(),
  gzip: z.string().optional(),
});
const parameters = z.record(z.string(), z.union([z.boolean(), z.number(), z.string(), z.object({ int: z.string() })]));
const inferLine = z.object({
  kind: z.literal("infer"),
  protocol: z.enum(["grpc", "http"]),
  model: z.string(),
  version: z.string(),
  id: z.string(),
  parameters,
  headers: z.record(z.string(), z.string()),
  inputs: z.array(tensor),
  outputs: z.array(z.string()),
  stream: z.boolean(),
  answers: z.array(
    z.object({
      ms: z.number(),
      version: z.string(),
      parameters,
      outputs: z.array(tensor),
      error: z.string().optional(),
    }),
  ),
  error: z.object({ code: z.string(), message: z.string(), cut: z.literal(true).optional() }).optional(),
});

const refuse = (text: string): never => {
  throw new RuntimeFault("INVALID_ARGUMENT", text);
};

/** @throws RuntimeFault naming file, line and place */
export async function readCassette(file: string): Promise<Cassette> {
  const text = await readFile(file, "utf8").catch(error =>
    refuse(`cassette ${file} can't be read: ${(error as Error).message}`),
  );
  const lines = text.split("\n");
  const parse = (line: string, i: number): Record<string, unknown> => {
    try {
      return JSON.parse(line) as Record<string, unknown>;
    } catch (error) {
      return refuse(
        `${file}:${i + 1} is not JSON: ${(error as Error).message}. A recording that was killed may end in half a line: delete it`,
      );
    }
  };
  if (text.trim() === "") refuse(`${file} is empty: \`merlon record\` writes a cassette's first line when it starts`);
  const head = parse(lines[0] ?? "", 0);
  if (head.format !== FORMAT)
    refuse(`${file} is no cassette: its first line must say "format": "${FORMAT}". \`merlon record\` makes one`);
  if (head.version !== VERSION)
    refuse(
      `${file} is a cassette of version ${JSON.stringify(head.version)}; this Merlon reads version ${VERSION}. Record it again`,
    );
  const models = new Map<string, ModelConfig>();
  const exchanges: Exchange[] = [];
  lines.slice(1).forEach((line, at) => {
    if (line === "") return;
    const json = parse(line, at + 1);
    if (json.kind === "model") models.set(String(json.name), complete("inference.ModelConfig", json.config as object));
    else if (json.kind === "infer") exchanges.push(readExchange(json, `${file}:${at + 2}`, at + 2));
  });
  return { file, server: (head.server ?? { name: "triton", version: "" }) as Cassette["server"], models, exchanges };
}

function readExchange(json: unknown, where: string, line: number): Exchange {
  const result = inferLine.safeParse(json);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    return refuse(`${where}: ${issue.path.join(".")}: ${issue.message}`);
  }
  const { kind: _, answers, error, ...rest } = result.data;
  const tensors = (list: readonly unknown[]): readonly RequestTensor[] =>
    list.map(one => readTensorJson(one as TensorJson));
  try {
    return {
      ...rest,
      line,
      parameters: readParameters(rest.parameters),
      inputs: tensors(rest.inputs),
      answers: answers.map(({ error: fault, ...answer }) => ({
        ...answer,
        parameters: readParameters(answer.parameters),
        outputs: tensors(answer.outputs),
        ...(fault !== undefined && { error: fault }),
      })),
      ...(error && { error: { code: error.code, message: error.message, ...(error.cut && { cut: error.cut }) } }),
    };
  } catch (fault) {
    return refuse(`${where}: a tensor can't be read: ${(fault as Error).message}`);
  }
}
