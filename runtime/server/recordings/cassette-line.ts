/**
 * A record of a cassette: a line of JSON and, if it has `blocks`, that number of bytes and a line feed after it. They are the tensors that
 * are not in the line, inputs before the outputs of the responses.
 */
import { gunzipSync } from "node:zlib";
import { z } from "zod";
import { wireDatatype } from "../../../triton-protos/datatype.js";
import { exactJson } from "../../../triton-protos/json-message/exact-json.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { Parameter } from "../../base/tensor.js";
import type { RequestTensor } from "../contract.js";
import { pack, readableValues } from "../requests/tensor-json.js";
import type { Exchange } from "./exchange.js";

/**
 * A tensor in a cassette: its values where they are few and JSON holds them exactly; else its bytes in a block after the line. Version 1 packed those into
 * the line, with gzip and base64. No bit is lost either way.
 */
const tensorRecord = z.object({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.number().int().nonnegative()),
  /** Elements, row-major; integers beyond 2^53 as text. */
  data: z.array(z.union([z.number(), z.string()])).optional(),
  /** Length of its block. */
  bytes: z.number().int().nonnegative().optional(),
  /** Version 1. */
  gzip: z.string().optional(),
});
type TensorRecord = Readonly<z.infer<typeof tensorRecord>>;

/** @returns its record, and the block after the line */
function writeTensor({ name, datatype, shape, data }: RequestTensor): readonly [TensorRecord, Uint8Array?] {
  const head = { name, datatype, shape: [...shape] };
  const values = readableValues(datatype, data);
  return values ? [{ ...head, data: [...values] }] : [{ ...head, bytes: data.byteLength }, data];
}

/** Bytes that a tensor of numbers has; undefined for texts. */
function bytesOf({ datatype, shape }: TensorRecord): number | undefined {
  const row = wireDatatype(datatype);
  if (!row) throw new Error(`there is no datatype ${JSON.stringify(datatype)}`);
  return row.array ? shape.reduce((count, length) => count * length, row.bytes) : undefined;
}

/** @param take reads the next bytes of the blocks @throws Error if the bytes are not those of its shape */
function readTensor(record: TensorRecord, take: (bytes: number) => Uint8Array): RequestTensor {
  const { name, datatype, shape, data, bytes, gzip } = record;
  const expected = bytesOf(record);
  const found =
    bytes !== undefined
      ? take(bytes)
      : gzip === undefined
        ? pack(datatype, data ?? [])
        : gunzipSync(Buffer.from(gzip, "base64"), expected === undefined ? {} : { maxOutputLength: expected + 1 });
  if (expected !== undefined && found.byteLength !== expected)
    throw new Error(`\`${name}\` has ${found.byteLength} bytes, and ${datatype} [${shape}] takes ${expected}`);
  return { name, datatype, shape, data: new Uint8Array(found.buffer, found.byteOffset, found.byteLength) };
}

export const FORMAT = "merlon/cassette";
/** The written version; version 1, with all tensors in the lines, can still be read. */
export const VERSION = 2;

/** The server that was recorded. */
export interface RecordedServer {
  readonly name: string;
  readonly version: string;
}

/** An object by key, as a map: a record of zod leaves out the key `__proto__`. */
const mapOf = <T extends z.ZodType>(value: T) =>
  z.preprocess(
    json => (typeof json === "object" && json !== null && !Array.isArray(json) ? new Map(Object.entries(json)) : json),
    z.map(z.string(), value),
  );

const parameter = z.union([z.boolean(), z.number(), z.string(), z.object({ int: z.string().regex(/^-?\d{1,20}$/) })]);
type ParameterJson = z.infer<typeof parameter>;

const writeParameters = (parameters: Iterable<readonly [string, Parameter]>): Record<string, ParameterJson> =>
  Object.fromEntries(
    [...parameters].map(([key, value]) => [key, typeof value === "bigint" ? { int: String(value) } : value]),
  );
const readParameters = (json: ReadonlyMap<string, ParameterJson>): ReadonlyMap<string, Parameter> =>
  new Map([...json].map(([key, value]) => [key, typeof value === "object" ? BigInt(value.int) : value]));

export const headLine = (target: string, server: RecordedServer): string =>
  JSON.stringify({ format: FORMAT, version: VERSION, recorded: new Date().toISOString(), target, server });

export const modelLine = (name: string, config: ModelConfig): string => exactJson({ kind: "model", name, config });

/** A call besides inference, for readers of the file. */
export const callLine = (call: Readonly<Record<string, unknown>>): string => JSON.stringify({ kind: "call", ...call });

/** The line of an exchange, and its blocks. */
export function exchangeRecord({ line: _, parameters, inputs, answers, ...rest }: Exchange): {
  readonly line: string;
  readonly blocks: readonly Uint8Array[];
} {
  const blocks: Uint8Array[] = [];
  const write = (tensor: RequestTensor) => {
    const [record, block] = writeTensor(tensor);
    if (block) blocks.push(block);
    return record;
  };
  const tensors = {
    inputs: inputs.map(write),
    answers: answers.map(answer => ({
      ...answer,
      parameters: writeParameters(answer.parameters),
      outputs: answer.outputs.map(write),
    })),
  };
  const size = blocks.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const line = JSON.stringify({
    kind: "infer",
    ...(size > 0 && { blocks: size }),
    ...rest,
    parameters: writeParameters(parameters),
    ...tensors,
  });
  return { line, blocks };
}

const parameters = mapOf(parameter);
const exchangeLine = z.object({
  kind: z.literal("infer"),
  blocks: z.number().int().nonnegative().default(0),
  protocol: z.enum(["grpc", "http"]),
  model: z.string(),
  version: z.string(),
  id: z.string(),
  parameters,
  headers: mapOf(z.string()),
  inputs: z.array(tensorRecord),
  outputs: z.array(z.string()),
  stream: z.boolean(),
  answers: z.array(
    z.object({
      ms: z.number(),
      version: z.string(),
      parameters,
      outputs: z.array(tensorRecord),
      error: z.string().optional(),
    }),
  ),
  error: z.object({ code: z.string(), message: z.string(), cut: z.literal(true).optional() }).optional(),
});
export type ExchangeLine = Readonly<z.infer<typeof exchangeLine>>;

/** @throws Error naming the place in the line */
export function parseExchangeLine(json: unknown): ExchangeLine {
  const result = exchangeLine.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new Error(`${issue.path.join(".")}: ${issue.message}`);
}

/** @param blocks the bytes behind the line @throws Error for tensors whose bytes are not those of their shapes */
export function readExchange(json: ExchangeLine, blocks: Uint8Array, line: number): Exchange {
  const { kind: _, blocks: __, answers, error, ...rest } = json;
  let at = 0;
  const take = (bytes: number): Uint8Array => {
    if (at + bytes > blocks.byteLength)
      throw new Error(`its tensors have more bytes than the ${blocks.byteLength} behind the line`);
    at += bytes;
    return blocks.subarray(at - bytes, at);
  };
  const exchange: Exchange = {
    ...rest,
    line,
    headers: Object.fromEntries(rest.headers),
    parameters: readParameters(rest.parameters),
    inputs: rest.inputs.map(tensor => readTensor(tensor, take)),
    answers: answers.map(({ error: fault, ...answer }) => ({
      ...answer,
      parameters: readParameters(answer.parameters),
      outputs: answer.outputs.map(tensor => readTensor(tensor, take)),
      ...(fault !== undefined && { error: fault }),
    })),
    ...(error && { error: { code: error.code, message: error.message, ...(error.cut && { cut: error.cut }) } }),
  };
  if (at !== blocks.byteLength)
    throw new Error(`its tensors have ${at} of the ${blocks.byteLength} bytes behind the line`);
  return exchange;
}
