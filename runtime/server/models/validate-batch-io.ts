/**
 * The rules of `batch_input` and `batch_output`: configuration → nothing, or a fault with Triton's text.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { RuntimeFault, refuse } from "../../base/errors.js";

/** A kind that Triton does not know: its own reader trips over it after the model's state was made, and says so in the log. */
export class UnknownKind extends RuntimeFault {
  constructor() {
    super("INTERNAL", "attempt to access JSON non-string as string");
  }
}

export function validateBatchIo({ name, input, output, batch_input, batch_output }: ModelConfig): void {
  const inputs = new Set(input.map(tensor => tensor.name));
  const outputs = new Set(output.map(tensor => tensor.name));
  for (const { kind, data_type, source_input } of batch_input) {
    if (typeof kind === "number") throw new UnknownKind();
    if (data_type !== "TYPE_INT32" && data_type !== "TYPE_FP32")
      refuse(`batch input data type must be TYPE_INT32 or TYPE_FP32 for ${name}`);
    if (source_input.length !== 1)
      refuse(`batch input kind '${kind}' expects 1 source input, got ${source_input.length} for ${name}`);
    for (const source of source_input)
      if (!inputs.has(source)) refuse(`unknown source input name '${source}' for ${name}`);
  }
  for (const { kind, target_name, source_input } of batch_output) {
    if (typeof kind === "number") throw new UnknownKind();
    // Triton looks for doubles inside one entry only.
    const targets = new Set<string>();
    for (const target of target_name) {
      if (!outputs.has(target)) refuse(`unknown target output name '${target}' for ${name}`);
      if (targets.has(target)) refuse(`target output name '${target}' can only be specified once for ${name}`);
      targets.add(target);
    }
    if (source_input.length !== 1)
      refuse(`batch output kind '${kind}' expects 1 source input, got ${source_input.length} for ${name}`);
    for (const source of source_input)
      if (!inputs.has(source)) refuse(`unknown source input name '${source}' for ${name}`);
  }
}
