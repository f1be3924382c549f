/**
 * The answer of POST /infer → a client's answer; tensors are views of the body's bytes, or made from JSON.
 */
import { wireDatatype } from "../../../triton-protos/datatype.js";
import type { Parameter } from "../../base/tensor.js";
import { packByteStrings } from "../byte-strings.js";
import { ProtocolError } from "../client-error.js";
import { readInput } from "../read-input.js";
import { receive, type Tensor } from "../tensor.js";
import type { WireAnswer } from "../wire-call.js";
import { jsonLength, parseJsonText } from "./json-text.js";

interface JsonOutput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly (number | string)[];
  readonly data?: unknown;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

interface JsonAnswer {
  readonly id?: string;
  readonly model_name?: string;
  readonly model_version?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly outputs?: readonly JsonOutput[];
}

const decoder = new TextDecoder();

/**
 * @param header of Inference-Header-Content-Length
 * @param placed outputs that were requested in shared memory
 * @throws ProtocolError
 */
export function readInferAnswer(
  body: Uint8Array,
  header: string | undefined,
  isBinary: boolean,
  placed: ReadonlySet<string>,
): WireAnswer {
  const length = header !== undefined ? Number(header) : isBinary ? jsonLength(body) : body.length;
  let json: JsonAnswer;
  try {
    json = parseJsonText(decoder.decode(body.subarray(0, length))) as JsonAnswer;
  } catch (cause) {
    throw new ProtocolError("INTERNAL", `the response is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (!Array.isArray(json?.outputs))
    throw new ProtocolError("INTERNAL", "the response has no `outputs`, so this is not a KServe v2 server");
  let at = length;
  const outputs = json.outputs.map((output: JsonOutput): Tensor => {
    const { name, datatype, parameters } = output;
    const shape = output.shape.map(Number);
    const size = parameters?.binary_data_size;
    if (typeof size === "number") {
      if (at + size > body.length)
        throw new ProtocolError(
          "INTERNAL",
          `output \`${name}\` promises ${size} bytes, and ${body.length - at} are there`,
        );
      at += size;
      return receive(name, datatype, shape, body.subarray(at - size, at), false);
    }
    if (output.data === undefined) return receive(name, datatype, shape, new Uint8Array(0), placed.has(name));
    return receive(name, datatype, shape, fromJson(output, shape), false);
  });
  return {
    model: json.model_name ?? "",
    version: json.model_version ?? "",
    id: json.id ?? "",
    parameters: new Map(
      Object.entries(json.parameters ?? {}).filter((entry): entry is [string, Parameter] => isParameter(entry[1])),
    ),
    outputs,
  };
}

const isParameter = (value: unknown): value is Parameter => ["string", "number", "boolean"].includes(typeof value);

/** Elements of JSON, flat or nested → the raw form. */
function fromJson({ name, datatype, data }: JsonOutput, shape: readonly number[]): Uint8Array {
  const row = wireDatatype(datatype);
  const flat = (Array.isArray(data) ? data : [data]).flat(Number.POSITIVE_INFINITY) as unknown[];
  if (!row?.array) return packByteStrings(flat.map(item => (typeof item === "string" ? item : JSON.stringify(item))));
  const read = row.kind === "float" || row.kind === "bool" ? Number : row.bytes === 8 ? BigInt : Number;
  const items = flat.map(item =>
    item === null ? Number.NaN : row.kind === "bool" ? Boolean(item) : read(item as string),
  );
  try {
    return readInput(name, { datatype, shape, data: items }, undefined).data as Uint8Array;
  } catch (cause) {
    throw new ProtocolError("INTERNAL", (cause as Error).message.replace(/^input/, "output"), { cause });
  }
}
