/**
 * A model's call of another model, on the server's side: asked as a client asks, answered with messages.
 */
import type { InferResponse } from "../../data-plane/request.js";
import type { ServerModels } from "../backend.js";
import type { ToWorker, WireAnswer, WireCall } from "./protocol.js";
import { detached } from "./tensors.js";

export function answerCall(
  server: ServerModels,
  call: number,
  { model, version, ...request }: WireCall,
  post: (message: ToWorker) => void,
): Promise<void> {
  return server.infer(model, version, { ...request, parameters: new Map(request.parameters) }, (answer, final) => {
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
