/**
 * Requests and their results as frames between workers, and back. Tensors are views of the frame's bytes on the way in, and pieces of their own
 * on the way out: none is decoded.
 */
import type { WireType } from "../../../triton-protos/datatype.js";
import { ConnectionCut } from "../../base/connection-cut.js";
import { Refusal, RuntimeFault, STATUS, type StatusCode } from "../../base/errors.js";
import type { ModelVersion } from "../../base/model-version.js";
import type { Parameter } from "../../base/tensor.js";
import type { InferRequest, InferResponse, RequestHeaders, RequestTensor } from "../contract.js";
import type { Pin } from "../models/lease.js";
import type { TraceLevels } from "../observe/tracing/trace.js";
import { aligned, FRAME, type FrameType, finishFrame, HEADER } from "./frames.js";
import { BadFrame, Packer, Unpacker } from "./packer.js";

/** A request as one worker sends it to another. */
export interface ForwardedRequest extends Pick<InferRequest, "id" | "parameters" | "inputs" | "outputs" | "headers"> {
  /** Names the version that runs it. */
  readonly generation: string;
  /** Versions of the models that it may call, if it is a part of another request. */
  readonly pins: readonly Pin[];
  /** Whether the caller takes any number of responses. */
  readonly many: boolean;
  /** Set for a traced request. */
  readonly traced?: { readonly levels: TraceLevels; readonly traceparent: string | undefined };
}

const FLAG = { many: 1, headers: 2, traced: 4, timestamps: 8, tensors: 16, insides: 32, traceparent: 64 } as const;
/** Flags of responses. */
const MADE = { final: 1, cut: 2 } as const;

const packer = new Packer();

export function encodeRequest(request: ForwardedRequest, id: number, load: number): readonly Uint8Array[] {
  const { headers, traced, inputs } = request;
  packer.begin(HEADER);
  packer.u8(flagsOf(request));
  packer.text(request.generation);
  packPins(request.pins);
  packer.text(request.id);
  packParameters(request.parameters, request.parameters.size);
  packer.u32(request.outputs.length);
  for (const name of request.outputs) packer.text(name);
  packTensors(inputs);
  if (headers) packHeaders(headers);
  if (traced?.traceparent !== undefined) packer.text(traced.traceparent);
  return finishFrame(packer, FRAME.request, id, load, inputs);
}

function flagsOf({ many, headers, traced }: ForwardedRequest): number {
  let flags = (many ? FLAG.many : 0) | (headers ? FLAG.headers : 0);
  if (!traced) return flags;
  const { levels, traceparent } = traced;
  flags |= FLAG.traced | (levels.timestamps ? FLAG.timestamps : 0) | (levels.tensors ? FLAG.tensors : 0);
  return flags | (levels.insides ? FLAG.insides : 0) | (traceparent === undefined ? 0 : FLAG.traceparent);
}

/** @param body a frame's bytes after its header @param head bytes of its head @throws BadFrame */
export function decodeRequest(body: Buffer, head: number): ForwardedRequest {
  const from = new Unpacker(body, 0, head);
  const flags = from.u8();
  const generation = from.text();
  const pins = unpackPins(from);
  const id = from.text();
  const parameters = new Map(unpackParameters(from));
  const outputs: string[] = [];
  for (let left = from.count(4); left > 0; left--) outputs.push(from.text());
  const inputs = unpackTensors(from, body, head);
  const headers = flags & FLAG.headers ? unpackHeaders(from) : undefined;
  const traceparent = flags & FLAG.traceparent ? from.text() : undefined;
  from.end();
  const levels = {
    timestamps: (flags & FLAG.timestamps) !== 0,
    tensors: (flags & FLAG.tensors) !== 0,
    ...(flags & FLAG.insides && { insides: true }),
  };
  const many = (flags & FLAG.many) !== 0;
  const request = { generation, pins, many, id, parameters, inputs, outputs };
  if (!headers && !(flags & FLAG.traced)) return request;
  return { ...request, ...(headers && { headers }), ...(flags & FLAG.traced && { traced: { levels, traceparent } }) };
}

/** @param last whether no other follows */
export function encodeResponse(
  response: InferResponse,
  id: number,
  load: number,
  last: boolean,
): readonly Uint8Array[] {
  const { outputs, parameters, cut, final } = response;
  packer.begin(HEADER);
  packer.u8((final ? MADE.final : 0) | (cut === undefined ? 0 : MADE.cut));
  packer.text(response.model);
  packVersion(response.version);
  packer.text(response.id);
  const given = Array.isArray(parameters) ? (parameters as InferResponse["parameters"] & unknown[]) : [...parameters];
  packParameters(given as Iterable<readonly [string, Parameter]>, given.length);
  packTensors(outputs);
  if (cut !== undefined) packer.f64(cut);
  return finishFrame(packer, last ? FRAME.last : FRAME.response, id, load, outputs);
}

/** @throws BadFrame */
export function decodeResponse(body: Buffer, head: number): InferResponse {
  const from = new Unpacker(body, 0, head);
  const flags = from.u8();
  const model = from.text();
  const version = unpackVersion(from);
  const id = from.text();
  const parameters = unpackParameters(from);
  const outputs = unpackTensors(from, body, head) as InferResponse["outputs"];
  const cut = flags & MADE.cut ? from.f64() : undefined;
  from.end();
  const response = { model, version, id, parameters, outputs };
  if (flags === 0) return response;
  return { ...response, ...(cut !== undefined && { cut }), ...(flags & MADE.final && { final: true }) };
}

/** Kinds of faults that the data plane distinguishes. */
const KINDS = ["fault", "refusal", "cut"] as const;
const CODES = Object.keys(STATUS) as StatusCode[];

export function encodeFault(fault: RuntimeFault, id: number, load: number, among: boolean): readonly Uint8Array[] {
  const kind = fault instanceof Refusal ? "refusal" : fault instanceof ConnectionCut ? "cut" : "fault";
  packer.begin(HEADER);
  packer.u8(KINDS.indexOf(kind));
  packer.u8(CODES.indexOf(fault.code));
  packer.text(fault.message);
  return finishFrame(packer, among ? FRAME.faultAmong : FRAME.fault, id, load);
}

/** @throws BadFrame */
export function decodeFault(body: Buffer, head: number): RuntimeFault {
  const from = new Unpacker(body, 0, head);
  const [kind, code] = [KINDS[from.u8()], CODES[from.u8()]];
  const message = from.text();
  from.end();
  if (!kind || !code) throw new BadFrame("a fault of an unknown kind");
  if (kind === "cut") return new ConnectionCut();
  return kind === "refusal" ? new Refusal(code, message) : new RuntimeFault(code, message);
}

/** A frame without a body. */
export const encodeSign = (type: FrameType, id: number, load: number): readonly Uint8Array[] =>
  finishFrame(packer.begin(HEADER), type, id, load);

/** Which worker says hello, and to which server it belongs. */
export interface Hello {
  readonly self: number;
  readonly count: number;
  readonly token: string;
}

/** Bytes of a hello at most. */
export const SHORT_FRAME = 1024;
/** Changes with the form of frames: workers of another build are refused. */
const VERSION = 2;

export function encodeHello({ self, count, token }: Hello): readonly Uint8Array[] {
  packer.begin(HEADER);
  packer.u32(VERSION);
  packer.u32(self);
  packer.u32(count);
  packer.text(token);
  return finishFrame(packer, FRAME.hello, 0, 0);
}

/** @throws BadFrame */
export function decodeHello(body: Buffer, head: number): Hello {
  const from = new Unpacker(body, 0, head);
  const version = from.u32();
  if (version !== VERSION) throw new BadFrame(`a worker that speaks version ${version}`);
  const hello = { self: from.u32(), count: from.u32(), token: from.text() };
  from.end();
  return hello;
}

/** The question whether a worker needs a version any more. */
export function encodeClosing(generation: string, id: number): readonly Uint8Array[] {
  packer.begin(HEADER);
  packer.text(generation);
  return finishFrame(packer, FRAME.closing, id, 0);
}

/** @throws BadFrame */
export function decodeClosing(body: Buffer, head: number): string {
  const from = new Unpacker(body, 0, head);
  const generation = from.text();
  from.end();
  return generation;
}

function packPins(pins: readonly Pin[]): void {
  packer.u32(pins.length);
  for (const { model, version, near, generation } of pins) {
    packer.text(model);
    packVersion(version);
    packer.text(near);
    packer.text(generation);
  }
}

function unpackPins(from: Unpacker): readonly Pin[] {
  const pins: Pin[] = [];
  for (let left = from.count(21); left > 0; left--)
    pins.push({ model: from.text(), version: unpackVersion(from), near: from.text(), generation: from.text() });
  return pins;
}

const packVersion = (version: ModelVersion): void => packer.parameter(version);

function unpackVersion(from: Unpacker): ModelVersion {
  const version = from.parameter();
  if (typeof version === "number" || typeof version === "bigint") return version;
  throw new BadFrame("a version that is not a number");
}

function packParameters(parameters: Iterable<readonly [string, Parameter]>, count: number): void {
  packer.u32(count);
  for (const [name, value] of parameters) {
    packer.text(name);
    packer.parameter(value);
  }
}

function unpackParameters(from: Unpacker): readonly (readonly [string, Parameter])[] {
  const parameters: [string, Parameter][] = [];
  for (let left = from.count(5); left > 0; left--) parameters.push([from.text(), from.parameter()]);
  return parameters;
}

function packTensors(tensors: readonly RequestTensor[]): void {
  packer.u32(tensors.length);
  for (const { name, datatype, shape, data } of tensors) {
    packer.text(name);
    packer.text(datatype);
    packer.u32(shape.length);
    for (const dimension of shape) packer.f64(dimension);
    packer.u32(data.byteLength);
  }
}

function unpackTensors(from: Unpacker, body: Buffer, head: number): readonly RequestTensor[] {
  const tensors: RequestTensor[] = [];
  let at = head;
  for (let left = from.count(16); left > 0; left--) {
    const [name, datatype] = [from.text(), from.text()];
    const shape: number[] = [];
    for (let rank = from.count(8); rank > 0; rank--) shape.push(from.f64());
    const size = from.u32();
    const start = aligned(at);
    at = start + size;
    if (at > body.length) throw new BadFrame(`a frame without all bytes of tensor '${name}'`);
    tensors.push({ name, datatype: datatype as WireType, shape, data: body.subarray(start, at) });
  }
  if (at !== body.length) throw new BadFrame(`${body.length - at} bytes that belong to no tensor`);
  return tensors;
}

function packHeaders(headers: RequestHeaders): void {
  const given = Object.entries(headers).filter(([, value]) => value !== undefined);
  packer.u32(given.length);
  for (const [name, value] of given) {
    packer.text(name);
    packer.u8(typeof value === "string" ? 0 : 1);
    if (typeof value === "string") packer.text(value);
    else {
      packer.u32(value!.length);
      for (const one of value!) packer.text(one);
    }
  }
}

function unpackHeaders(from: Unpacker): RequestHeaders {
  const headers: [string, string | string[]][] = [];
  for (let left = from.count(9); left > 0; left--) {
    const name = from.text();
    if (from.u8() === 0) headers.push([name, from.text()]);
    else {
      const values: string[] = [];
      for (let more = from.count(4); more > 0; more--) values.push(from.text());
      headers.push([name, values]);
    }
  }
  return Object.fromEntries(headers);
}
