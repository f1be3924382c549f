/**
 * A model's configuration → the JSON of `/config`. Triton prints 64-bit integers as numbers in the fields it names. Those of rarer messages
 * stay as protobuf writes them, as text, and so do NaN and infinities.
 */
import { exactJson } from "../../../../triton-protos/json-message/exact-json.js";
import type { ModelConfig } from "../../../../triton-protos/model-config.js";

/** Fields in which 64-bit integers stay text: the names of the fields on the way, `*` for list items and map keys. */
const TEXT = new Set([
  "instance_group.*.secondary_devices.*.device_id",
  "sequence_batching.state.*.initial_state.*.dims.*",
  "optimization.cuda.graph_spec.*.input.*.dim.*",
  "optimization.cuda.graph_spec.*.graph_lower_bound.input.*.dim.*",
]);

export const printConfig = (config: ModelConfig): string => exactJson(print(config, ""));

function print(value: unknown, path: string): unknown {
  if (typeof value === "number") {
    if (!Number.isFinite(value) || TEXT.has(path)) return String(value);
    return Number.isInteger(value) ? wholeDigits(value) : value;
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(item => print(item, `${path}.*`));
  if (path === "sequence_batching.state.*.initial_state.*" && "name" in value) {
    const { zero_data, data_file, ...rest } = value as Record<string, unknown>;
    const source = { ...(zero_data !== undefined && { zero_data }), ...(data_file !== undefined && { data_file }) };
    return { ...members(rest, path), ...source };
  }
  return members(value, path);
}

/** If a 64-bit integer is the largest one, the double of it is one more. */
const wholeDigits = (value: number): bigint => (BigInt(value) > MAX_UINT64 ? MAX_UINT64 : BigInt(value));
const MAX_UINT64 = 2n ** 64n - 1n;

function members(value: object, path: string): Readonly<Record<string, unknown>> {
  const keyed = path.endsWith(".input") && path.startsWith("optimization.");
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, print(item, path === "" ? key : `${path}.${keyed ? "*" : key}`)]),
  );
}
