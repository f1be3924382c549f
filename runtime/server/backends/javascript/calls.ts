/**
 * A model's calls of other models, on the worker's side: request → message, messages → answers.
 */
import type { ModelAnswer, ModelCallRequest, ModelContext } from "./api.js";
import { readParameters, writeParameters } from "./parameters.js";
import type { FromWorker, ToWorker, WireAnswer } from "./protocol.js";
import { originOf } from "./requests.js";
import { detached, fromModel, toModel } from "./tensors.js";

type Answered = Extract<ToWorker, { kind: "answer" }>;

export interface Calls {
  readonly api: Pick<ModelContext, "infer" | "stream">;
  answer(message: Answered): void;
}

/** @param execution the one that runs now */
export function createCalls(post: (message: FromWorker) => void, execution: () => number | undefined): Calls {
  const waiting = new Map<number, (message: Answered) => void>();
  let next = 1;

  async function* stream(request: ModelCallRequest): AsyncGenerator<ModelAnswer> {
    const origin = request.request && originOf(request.request);
    const call = next++;
    const arrived: Answered[] = [];
    let wake: (() => void) | undefined;
    waiting.set(call, message => {
      arrived.push(message);
      wake?.();
    });
    post({
      kind: "call",
      call,
      execution: origin?.execution ?? execution(),
      asker: origin?.index,
      request: {
        model: request.model,
        version: request.version ?? -1,
        id: request.id ?? "",
        parameters: writeParameters(request.parameters ?? {}),
        inputs: request.inputs.map(tensor => detached(fromModel(tensor))),
        outputs: request.outputs ?? [],
      },
    });
    try {
      for (;;) {
        const message = arrived.shift();
        if (!message) {
          await new Promise<void>(resolve => {
            wake = resolve;
          });
          continue;
        }
        if (message.answer) yield readAnswer(message.answer);
        if (message.final) return;
      }
    } finally {
      waiting.delete(call);
    }
  }
  return {
    api: {
      stream,
      async infer(request) {
        for await (const answer of stream(request)) return answer;
        throw new Error(`model '${request.model}' gave no answer`);
      },
    },
    answer: message => waiting.get(message.call)?.(message),
  };
}

function readAnswer(answer: NonNullable<Answered["answer"]>): ModelAnswer {
  if (!isAnswer(answer)) throw Object.assign(new Error(answer.message), { code: answer.code });
  return {
    outputs: Object.fromEntries(answer.outputs.map(tensor => [tensor.name, toModel(tensor)])),
    parameters: readParameters(answer.parameters),
  };
}

const isAnswer = (answer: NonNullable<Answered["answer"]>): answer is WireAnswer => !("message" in answer);
