/**
 * A model's call of another model, on the server's side: executed like a client's request, answered with messages.
 */

import type { InferRequest, InferResponse, ServerModels } from "../../contract.js";
import type { ToWorker, WireAnswer, WireCall } from "./protocol.js";
import { detached } from "./tensors.js";

export function answerCall(
  server: ServerModels,
  call: number,
  { model, version, ...request }: WireCall,
  { lease, trace }: Pick<InferRequest, "lease" | "trace">,
  post: (message: ToWorker) => void,
): Promise<void> {
  const asked = {
    ...request,
    parameters: new Map(request.parameters),
    ...(lease && { lease }),
    ...(trace && { trace }),
  };
  return server.infer(model, version, asked, (answer, final) => {
    if (answer === undefined) post({ kind: "answer", call, final });
    else if (answer instanceof Error)
      post({ kind: "answer", call, answer: { code: answer.code, message: answer.message }, final });
    else post({ kind: "answer", call, answer: wireAnswer(answer), final });
  });
}

const wireAnswer = ({ outputs, parameters }: InferResponse): WireAnswer => ({
  outputs: outputs.map(detached),
  parameters: [...parameters],
});
