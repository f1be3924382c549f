/**
 * Request parameters from the gRPC wire: checks types of the reserved ones, hands the rest on; response parameters → wire.
 */
import { refuse } from "../../base/errors.js";
import type { Parameter } from "../../base/tensor.js";
import type { BackWriter } from "./back-writer.js";
import type { WireParameter, WireParameters } from "./decode-request.js";

type Kind = WireParameter["kind"];
/** Reserved parameters: the kinds they may have, and how Triton says so. */
const RESERVED: Readonly<Record<string, { readonly kinds: readonly Kind[]; readonly expected: string }>> = {
  sequence_id: { kinds: ["int64", "string"], expected: "int64_param or string_param" },
  sequence_start: { kinds: ["bool"], expected: "bool_param" },
  sequence_end: { kinds: ["bool"], expected: "bool_param" },
  priority: { kinds: ["int64", "uint64"], expected: "int64_param or uint64_param" },
  timeout: { kinds: ["int64"], expected: "int64_param" },
  triton_enable_empty_final_response: { kinds: ["bool"], expected: "bool_param" },
};

const NONE: ReadonlyMap<string, Parameter> = new Map();

/** @throws RuntimeFault with Triton's text */
export function readParameters(wire: WireParameters): ReadonlyMap<string, Parameter> {
  if (wire.size === 0) return NONE;
  const parameters = new Map<string, Parameter>();
  for (const [key, { kind, value }] of wire) {
    const reserved = Object.hasOwn(RESERVED, key) ? RESERVED[key] : undefined;
    if (reserved) {
      if (!reserved.kinds.includes(kind))
        refuse(`invalid value type for '${key}' parameter, expected ${reserved.expected}.`);
      if (key === "priority" && kind === "int64" && (value as bigint) < 0n)
        refuse("invalid value for 'priority', expected value >= 0.");
    } else if (key.startsWith("triton_"))
      refuse(
        "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with 'triton_' are allowed: triton_enable_empty_final_response",
      );
    else if (kind === "uint64" || kind === "none")
      refuse(`invalid value type for '${key}' parameter, expected int64_param, bool_param, or string_param.`);
    parameters.set(key, value);
  }
  return parameters;
}

/** One entry of a `map<string, InferParameter>`; the map is field 4 of requests, answers and tensors. */
export function writeParameter(writer: BackWriter, key: string, value: Parameter, field = 4): void {
  const before = writer.length;
  if (typeof value === "boolean") writer.uint(1, value ? 1 : 0);
  else if (typeof value === "bigint") writer.int64(2, value);
  else if (typeof value === "number") writer.double(4, value);
  else writer.text(3, value);
  writer.head(2, writer.length - before);
  if (key) writer.text(1, key);
  writer.head(field, writer.length - before);
}
