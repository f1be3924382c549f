/**
 * A client's inference request → the body of POST /infer: JSON, and after it the tensors' bytes where the server takes these.
 */
import { type WireType, wireDatatype } from "../../../triton-protos/datatype.js";
import type { Parameter } from "../../base/tensor.js";
import { wrong } from "../client-error.js";
import { receive } from "../tensor.js";
import type { Region, WireInput, WireRequest } from "../wire-call.js";

export interface InferBody {
  readonly parts: readonly Uint8Array[];
  /** Bytes of JSON at the front, where there is more behind it. */
  readonly jsonLength?: number;
}

const encoder = new TextEncoder();

/** @param binary whether tensors travel as bytes, both ways */
export function printInferBody(request: WireRequest, binary: boolean): InferBody {
  const { id, parameters, inputs, outputs } = request;
  const blobs: Uint8Array[] = [];
  const printed = inputs.map(input => {
    const { name, datatype, shape, data } = input;
    const head = `"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(",")}]`;
    if (!(data instanceof Uint8Array)) return `{${head},"parameters":${printRegion(data)}}`;
    if (!binary) return `{${head},"data":${printData(input, data)}}`;
    blobs.push(data);
    return `{${head},"parameters":{"binary_data_size":${data.length}}}`;
  });
  const wanted = outputs.map(({ name, classes, region }) => {
    const asked = [
      ...(region ? [printRegion(region).slice(1, -1)] : binary ? ['"binary_data":true'] : []),
      ...(classes === undefined ? [] : [`"classification":${classes}`]),
    ];
    return `{"name":${JSON.stringify(name)}${asked.length > 0 ? `,"parameters":{${asked.join(",")}}` : ""}}`;
  });
  const all = [
    ...parameters.map(([key, value]) => `${JSON.stringify(key)}:${printParameter(value)}`),
    ...(binary && outputs.length === 0 ? ['"binary_data_output":true'] : []),
  ];
  const text = `{${id ? `"id":${JSON.stringify(id)},` : ""}${all.length > 0 ? `"parameters":{${all.join(",")}},` : ""}"inputs":[${printed.join(",")}]${
    wanted.length > 0 ? `,"outputs":[${wanted.join(",")}]` : ""
  }}`;
  const json = encoder.encode(text);
  return blobs.length > 0 ? { parts: [json, ...blobs], jsonLength: json.length } : { parts: [json] };
}

const printRegion = ({ region, byteSize, offset }: Region): string =>
  JSON.stringify({
    shared_memory_region: region,
    shared_memory_byte_size: byteSize,
    ...(offset > 0 && { shared_memory_offset: offset }),
  });

const printParameter = (value: Parameter): string =>
  typeof value === "bigint"
    ? String(value)
    : typeof value === "number" && Number.isInteger(value) && Math.abs(value) < 1e21
      ? // A parameter that is a float stays one where it is whole.
        value.toFixed(1)
      : JSON.stringify(value);

/** Elements as JSON, for servers without the binary extension. */
function printData({ name, datatype, shape }: WireInput, raw: Uint8Array): string {
  const row = wireDatatype(datatype);
  if (!row?.contents)
    throw wrong(`input \`${name}\`: ${datatype} can't travel as JSON; use a server with the binary extension, or gRPC`);
  const { data } = receive(name, datatype as WireType, shape, raw, false);
  if (row.kind === "string") return JSON.stringify(data);
  if (row.kind === "bool") return `[${Array.from(data as Uint8Array, bit => bit !== 0).join(",")}]`;
  return `[${(data as Float64Array).join(",")}]`;
}
