/**
 * Most clients send the same JSON over and over, with other bytes of tensors behind it. A request whose head and JSON equal those of the last
 * one of its connection is therefore not parsed again.
 */
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import type { Cancellation } from "../../../base/cancellation.js";
import type { InferRequest, RequestTensor } from "../../contract.js";
import type { RequestHead } from "../http1/request-head.js";
import type { HttpInferRequest } from "./http-infer-request.js";

/** A longer JSON is not kept: each connection may keep one. */
const MOST_KEPT = 1024;

interface KeptRequest {
  /** Another one means that the model was loaded again. */
  readonly config: ModelConfig;
  readonly json: Buffer;
  readonly bodySize: number;
  readonly request: InferRequest;
  /** Bytes of each input, in the order of the body. */
  readonly sizes: readonly number[];
  readonly isBinary: HttpInferRequest["isBinary"];
}

/** By the head, which its connection keeps while the next ones are equal. */
const kept = new WeakMap<RequestHead, KeptRequest>();

/** @returns the request, if head and JSON equal those of the last one that was kept */
export function repeatedRequest(
  head: RequestHead,
  body: Buffer,
  jsonLength: number,
  config: ModelConfig,
  signal: Cancellation,
): HttpInferRequest | undefined {
  const last = kept.get(head);
  if (last?.config !== config || last.bodySize !== body.length || last.json.length !== jsonLength) return undefined;
  if (last.json.compare(body, 0, jsonLength) !== 0) return undefined;
  const inputs: RequestTensor[] = [];
  let at = jsonLength;
  for (let i = 0; i < last.sizes.length; i++) {
    const { name, datatype, shape } = last.request.inputs[i]!;
    const end = at + last.sizes[i]!;
    inputs.push({ name, datatype, shape, data: body.subarray(at, end) });
    at = end;
  }
  return { request: { ...last.request, inputs, signal }, isBinary: last.isBinary };
}

const NO_DATA = new Uint8Array(0);

/** Keeps a request that depends on its JSON and the bytes behind it alone: no values in the JSON, and no shared memory. */
export function keepRequest(
  head: RequestHead,
  body: Buffer,
  jsonLength: number,
  config: ModelConfig,
  { request, isBinary }: HttpInferRequest,
): void {
  if (jsonLength === 0 || jsonLength > MOST_KEPT || (request.wishes?.size ?? 0) > 0) return;
  const inputs: RequestTensor[] = [];
  const sizes: number[] = [];
  let at = body.byteOffset + jsonLength;
  for (const { name, datatype, shape, data } of request.inputs) {
    if (data.buffer !== body.buffer || data.byteOffset !== at || data.byteLength === 0) return;
    at += data.byteLength;
    sizes.push(data.byteLength);
    // The bytes of this request are not kept.
    inputs.push({ name, datatype, shape, data: NO_DATA });
  }
  // The signal refers to the exchange of this request.
  const { signal: _, ...form } = request;
  const json = Buffer.from(body.subarray(0, jsonLength));
  kept.set(head, { config, json, bodySize: body.length, request: { ...form, inputs }, sizes, isBinary });
}
