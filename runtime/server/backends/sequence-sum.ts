/**
 * Triton's `sequence` and `dyna_sequence` backends, for tests of the sequence batcher: `INPUT` → `OUTPUT`. Each element is the sum of all
 * elements of the sequence so far. `dyna_sequence` adds the correlation id to the last one. `execute_delay_ms` delays each execution.
 */
import { setTimeout as delay } from "node:timers/promises";
import { invalid } from "../../base/errors.js";
import type { BackendRequest, BackendResponse } from "../contract.js";
import type { Backend } from "./backend.js";
import { int32Values } from "./int32-values.js";

const sumBackend = (addId: boolean): Backend => ({
  async load({ config }) {
    const sums = new Map<bigint | string, number>();
    const milliseconds = Number(config.parameters.execute_delay_ms?.string_value ?? "0");
    if (!(milliseconds >= 0))
      throw invalid(`parameter \`execute_delay_ms\` of model '${config.name}' must be a number of milliseconds`);
    const answer = ({ controls, inputs, batch }: BackendRequest): BackendResponse => {
      const { correlationId: id, start, end } = controls;
      const values = int32Values(inputs.get("INPUT"));
      let sum = start ? 0 : (sums.get(id) ?? 0);
      for (const value of values) sum = (sum + value) | 0;
      if (end || id === 0n) sums.delete(id);
      else remember(sums, id, sum);
      const result = addId && end ? sum + Number(BigInt.asIntN(32, BigInt(id))) : sum;
      const shape = config.max_batch_size > 0 ? [batch, values.length / batch] : [values.length];
      const data = new Uint8Array(new Int32Array(values.length).fill(result).buffer);
      return { outputs: [{ name: "OUTPUT", datatype: "INT32", shape, data }] };
    };
    return {
      async execute(requests) {
        if (milliseconds > 0) await delay(milliseconds);
        return requests.map(answer);
      },
    };
  },
});

/** Sequences that clients left open; the oldest are forgotten beyond this. */
const MAX_OPEN = 65_536;

function remember(sums: Map<bigint | string, number>, id: bigint | string, sum: number): void {
  sums.delete(id);
  sums.set(id, sum);
  if (sums.size <= MAX_OPEN) return;
  const [oldest] = sums.keys();
  sums.delete(oldest!);
}

export const sequenceBackend = sumBackend(false);
export const dynaSequenceBackend = sumBackend(true);
