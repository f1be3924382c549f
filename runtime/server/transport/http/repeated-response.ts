/**
 * The JSON of a response whose tensors follow as bytes is the same for each response of the same form. Its text is kept with the head of the
 * request, as long as a connection keeps that.
 */
import type { ModelVersion } from "../../../base/model-version.js";
import type { Parameter, Tensor } from "../../../base/tensor.js";
import type { InferResponse } from "../../contract.js";
import { isPlaced } from "../../requests/deliver.js";
import type { RequestHead } from "../http1/request-head.js";
import type { InferBody } from "./infer-response.js";

/** A longer text is not kept. */
const MOST_KEPT = 1024;

interface Form extends Omit<Tensor, "data"> {
  readonly size: number;
}

interface KeptText {
  readonly model: string;
  readonly version: ModelVersion;
  readonly id: string;
  readonly parameters: readonly (readonly [string, Parameter])[];
  readonly outputs: readonly Form[];
  readonly json: Buffer;
}

const kept = new WeakMap<RequestHead, KeptText>();

/** @returns the body of a response, if its form is that of the last one that was kept */
export function repeatedResponse(
  head: RequestHead,
  response: InferResponse,
  isBinary: (output: string) => boolean,
): InferBody | undefined {
  const last = kept.get(head);
  const { model, version, id, outputs } = response;
  if (last?.model !== model || last.version !== version || last.id !== id || last.outputs.length !== outputs.length)
    return undefined;
  const pieces: Buffer[] = [last.json];
  for (let i = 0; i < outputs.length; i++) {
    const tensor = outputs[i]!;
    if (!hasForm(tensor, last.outputs[i]!) || !isBinary(tensor.name)) return undefined;
    const { buffer, byteOffset, byteLength } = tensor.data;
    pieces.push(Buffer.from(buffer, byteOffset, byteLength));
  }
  return isPlain(response) && hasParameters(response.parameters, last.parameters)
    ? { pieces, jsonLength: last.json.length }
    : undefined;
}

/** Keeps the text of a response whose tensors all follow it. @param body what was printed of it */
export function keepResponse(head: RequestHead, response: InferResponse, { pieces, jsonLength }: InferBody): void {
  if (jsonLength === undefined || jsonLength > MOST_KEPT || !isPlain(response)) return;
  let size = 0;
  for (const { length } of pieces) size += length;
  const outputs: Form[] = [];
  for (const { name, datatype, shape, data } of response.outputs) {
    outputs.push({ name, datatype, shape: [...shape], size: data.byteLength });
    size -= data.byteLength;
  }
  // Less is left where a tensor is not among the bytes.
  if (size !== jsonLength) return;
  const { model, version, id } = response;
  const parameters = [...response.parameters];
  kept.set(head, { model, version, id, parameters, outputs, json: Buffer.from(pieces[0]!.subarray(0, jsonLength)) });
}

/** Each output has some bytes, which are here. */
function isPlain({ cut, outputs }: InferResponse): boolean {
  if (cut !== undefined) return false;
  for (const tensor of outputs) if (tensor.data.byteLength === 0 || isPlaced(tensor)) return false;
  return outputs.length > 0;
}

function hasParameters(given: InferResponse["parameters"], wanted: KeptText["parameters"]): boolean {
  let count = 0;
  for (const [name, value] of given) {
    const last = wanted[count++];
    if (last?.[0] !== name || !Object.is(last[1], value)) return false;
  }
  return count === wanted.length;
}

function hasForm({ name, datatype, shape, data }: Tensor, form: Form): boolean {
  if (name !== form.name || datatype !== form.datatype || data.byteLength !== form.size) return false;
  if (shape.length !== form.shape.length) return false;
  for (let d = 0; d < shape.length; d++) if (shape[d] !== form.shape[d]) return false;
  return true;
}
