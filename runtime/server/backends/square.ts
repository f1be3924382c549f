/**
 * Triton's `square` backend, for tests of decoupled models: `IN` = n → n answers, each with `OUT` = n.
 */

import { setImmediate as turn } from "node:timers/promises";
import { internal, type RuntimeFault } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import type { BackendRequest, BackendResponse } from "../contract.js";
import type { Backend } from "./backend.js";
import { int32Values } from "./int32-values.js";

export const squareBackend: Backend = {
  async load({ config }) {
    const execute = (requests: readonly BackendRequest[]): (BackendResponse | RuntimeFault)[] =>
      requests.map(request => {
        const [n = 0] = int32Values(request.inputs.get("IN"));
        return n === 1 ? answerOf(request) : internal(`expected a single response, got ${n}`);
      });
    if (!config.model_transaction_policy?.decoupled) return { execute };
    return {
      execute,
      async stream(requests, send) {
        for (const [i, request] of requests.entries())
          inBackground(
            answerAll(request, answer => send(i, answer)),
            "answering for the back end square",
          );
      },
    };
  },
};

/** Lets other work run between answers: n may be large. */
const ANSWERS_PER_TURN = 64;

async function answerAll(
  request: BackendRequest,
  send: (answer: BackendResponse | RuntimeFault | undefined) => void,
): Promise<void> {
  const [n = 0] = int32Values(request.inputs.get("IN"));
  for (let i = 0; i < n && !request.signal?.aborted; i++) {
    if (i % ANSWERS_PER_TURN === ANSWERS_PER_TURN - 1) await turn();
    send(answerOf(request));
  }
  send(undefined);
}

const answerOf = ({ inputs }: BackendRequest): BackendResponse => ({
  outputs: [{ ...inputs.get("IN")!, name: "OUT" }],
});
