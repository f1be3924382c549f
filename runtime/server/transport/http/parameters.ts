/**
 * `parameters` of an HTTP inference request → parameters of the request, and whether outputs are sent as bytes.
 */
import { internal, invalid } from "../../../base/errors.js";
import type { Parameter } from "../../../base/tensor.js";
import { type Json, WholeDouble } from "../../../wire/json/json.js";
import { asBoolean, asText, asUnsigned, isObject } from "./access.js";

/** @throws RuntimeFault */
export function readHttpParameters(json: Json | undefined): {
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly binaryOutput: boolean;
} {
  const parameters = new Map<string, Parameter>();
  let binaryOutput = false;
  if (json === undefined) return { parameters, binaryOutput };
  if (!isObject(json)) throw internal("failed to get request params.: attempt to get members for non-object");
  for (const [key, value] of json) {
    if (key === "binary_data_output") binaryOutput = asBoolean(value, key);
    else if (key === "sequence_id") parameters.set(key, isWhole(value) ? BigInt(value) : asText(value, key));
    else if (key === "sequence_start" || key === "sequence_end") parameters.set(key, asBoolean(value, key));
    else if (key === "priority" || key === "timeout") parameters.set(key, BigInt(asUnsigned(value, key)));
    else if (key.startsWith("triton_"))
      throw invalid(
        "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.",
      );
    else parameters.set(key, freeParameter(key, value));
  }
  return { parameters, binaryOutput };
}

/** Characters of a parameter, which is copied as a whole. */
const LONGEST_TEXT = 2 ** 24;

const isWhole = (json: Json): json is number | bigint =>
  (typeof json === "number" && Number.isInteger(json) && json >= 0) || (typeof json === "bigint" && json >= 0n);

/** A parameter for the model. @throws RuntimeFault for lists, objects and null */
export function freeParameter(key: string, value: Json): Parameter {
  if (typeof value === "boolean" || typeof value === "bigint") return value;
  if (typeof value === "string") {
    if (value.length <= LONGEST_TEXT) return value;
    throw invalid(
      `parameter '${key}' has ${value.length} characters; at most ${LONGEST_TEXT} are supported, send more as an input`,
    );
  }
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
  if (value instanceof WholeDouble) return value.value;
  throw invalid(`parameter '${key}' has invalid type. It should be either 'int', 'bool', or 'string'.`);
}
