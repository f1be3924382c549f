/**
 * Triton's `repeat` backend, for tests of decoupled models. `IN` and `DELAY` → one response for each element, `OUT` its value and `IDX` its
 * index, after that number of milliseconds. `WAIT` keeps the instance busy for that long.
 */

import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../base/clock.js";
import { internal, invalid, RuntimeFault } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import type { Tensor } from "../../base/tensor.js";
import type { BackendRequest, BackendResponse } from "../contract.js";
import type { Backend } from "./backend.js";
import { int32Values } from "./int32-values.js";

export const repeatBackend: Backend = {
  async load({ config }) {
    const execute = (requests: readonly BackendRequest[]): Promise<(BackendResponse | RuntimeFault)[]> =>
      Promise.all(requests.map(onlyAnswer));
    if (!config.model_transaction_policy?.decoupled) return { execute };
    return {
      execute,
      async stream(requests, send) {
        for (const [i, request] of requests.entries()) {
          inBackground(
            repeat(request, answer => send(i, answer))
              .catch(error => send(i, RuntimeFault.from(error)))
              .finally(() => send(i, undefined)),
            "answering for the back end repeat",
          );
          const [wait = 0] = int32Values(request.inputs.get("WAIT"));
          if (wait > 0) await delay(wait);
        }
      },
    };
  },
};

async function onlyAnswer(request: BackendRequest): Promise<BackendResponse | RuntimeFault> {
  const answers: BackendResponse[] = [];
  try {
    await repeat(request, answer => answers.push(answer));
  } catch (error) {
    return RuntimeFault.from(error);
  }
  return answers.length === 1 ? answers[0]! : internal(`expected a single response, got ${answers.length}`);
}

async function repeat(request: BackendRequest, answer: (response: BackendResponse) => void): Promise<void> {
  const values = int32Values(request.inputs.get("IN"));
  const delays = int32Values(request.inputs.get("DELAY"));
  if (delays.length !== values.length)
    throw invalid(`expected IN and DELAY shape to match, got [${values.length}] and [${delays.length}]`);
  for (const [i, value] of values.entries()) {
    const wait = delays[i]! >>> 0;
    if (wait > 0) await systemClock.sleep(wait, request.signal);
    if (request.signal?.aborted) throw new RuntimeFault("CANCELLED", "Request cancelled");
    const outputs: Tensor[] = [
      { name: "OUT", datatype: "INT32", shape: [1], data: new Uint8Array(Int32Array.of(value).buffer) },
      { name: "IDX", datatype: "UINT32", shape: [1], data: new Uint8Array(Uint32Array.of(i).buffer) },
    ];
    answer({ outputs });
  }
}
