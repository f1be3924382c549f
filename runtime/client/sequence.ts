/**
 * A sequence: requests with one id, the first marked as the start and the last as the end.
 */
import type { InferOptions } from "./call-options.js";
import { wrong } from "./client-error.js";
import type { Tensor } from "./tensor.js";

type Inputs = Readonly<Record<string, unknown>>;
type Infer = (inputs: Inputs, options: InferOptions) => Promise<Readonly<Record<string, Tensor>>>;

export function beginSequence(
  model: string,
  { id: given, ...options }: InferOptions & { readonly id?: bigint | number | string },
  infer: Infer,
) {
  const id = given === undefined ? randomId() : typeof given === "string" ? given : BigInt(given);
  let state: "new" | "open" | "ended" = "new";
  const ask = (
    inputs: Inputs,
    call: InferOptions | undefined,
    end: boolean,
  ): Promise<Readonly<Record<string, Tensor>>> => {
    if (state === "ended") throw wrong(`sequence ${id} has ended: begin another one`, model);
    const start = state === "new";
    state = end ? "ended" : "open";
    return infer(inputs, { ...options, ...call, sequence: { id, start, end } });
  };
  return {
    id,
    infer: async (inputs: Inputs, call?: InferOptions) => ask(inputs, call, false),
    end: async (inputs: Inputs, call?: InferOptions) => ask(inputs, call, true),
  };
}

/** Positive and of 63 bits: some servers take the id as a signed number. */
const randomId = (): bigint => {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return (BigInt(high & 0x7fffffff) << 32n) | BigInt(low) || 1n;
};
