/**
 * The data plane's answer → ModelInferResponse and ModelStreamInferResponse; tensor bytes are copied once, into the frame.
 */
import type { InferResponse } from "../../data-plane/request.js";
import type { Parameter } from "../../tensor.js";
import { writeParameter } from "./parameters.js";
import { Fields } from "./wire.js";

/** @param extra parameters that the transport adds */
export function encodeResponse(response: InferResponse, extra: readonly (readonly [string, Parameter])[] = []): Fields {
  const out = new Fields().text(1, response.model).text(2, String(response.version)).text(3, response.id);
  for (const [key, value] of response.parameters) out.message(4, writeParameter(key, value));
  for (const [key, value] of extra) out.message(4, writeParameter(key, value));
  for (const { name, datatype, shape } of response.outputs)
    out.message(5, new Fields().text(1, name).text(2, datatype).packed(3, shape));
  for (const { data } of response.outputs) out.bytes(6, data);
  return out;
}

const finalFlag = (final: boolean): readonly (readonly [string, Parameter])[] => [["triton_final_response", final]];

/** @param final false for an answer of a decoupled model that may not be the last */
export const encodeStreamResponse = (response: InferResponse, final = true): Fields =>
  new Fields().message(2, encodeResponse(response, finalFlag(final)));

/** A fault inside a stream: the text, and an empty answer that carries the request's id (and, once a backend had it, the model). */
export function encodeStreamFault(message: string, id: string, model = "", final = true): Fields {
  return new Fields().text(1, message).message(2, emptyAnswer(id, model, final));
}

/** The end of a decoupled model's answers, for a client that asked to be told. */
export const encodeStreamEnd = (id: string, model: string): Fields =>
  new Fields().message(2, emptyAnswer(id, model, true));

function emptyAnswer(id: string, model: string, final: boolean): Fields {
  const inner = new Fields().text(1, model).text(3, id);
  if (model) for (const [key, value] of finalFlag(final)) inner.message(4, writeParameter(key, value));
  return inner;
}
