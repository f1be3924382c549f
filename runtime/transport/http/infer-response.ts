/**
 * The data plane's answer → the HTTP body: JSON, and the bytes of the outputs that are wanted binary.
 */
import { isPlaced } from "../../data-plane/deliver.js";
import type { InferResponse } from "../../data-plane/request.js";
import type { Parameter } from "../../tensor.js";
import { printDouble } from "./print-double.js";
import { printElements, quoteText, requireJson } from "./tensor-json.js";

export interface InferBody {
  readonly body: Buffer;
  /** Bytes of JSON at the front; undefined when there is nothing else. */
  readonly jsonLength?: number;
}

/** @throws RuntimeFault for a datatype that JSON cannot carry */
export function printInferResponse(response: InferResponse, isBinary: (output: string) => boolean): InferBody {
  const blobs: Uint8Array[] = [];
  const outputs = response.outputs.map(tensor => {
    const head = `"name":${quoteText(tensor.name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(",")}]`;
    if (isPlaced(tensor)) return `{${head}}`;
    if (isBinary(tensor.name)) {
      blobs.push(tensor.data);
      return `{${head},"parameters":{"binary_data_size":${tensor.data.byteLength}}}`;
    }
    requireJson(tensor.datatype);
    return `{${head},"data":[${printElements(tensor)}]}`;
  });
  const parameters = [...response.parameters].map(([key, value]) => `${quoteText(key)}:${printParameter(value)}`);
  const json = Buffer.from(
    `{${response.id && `"id":${quoteText(response.id)},`}"model_name":${quoteText(response.model)},"model_version":"${response.version}",${
      parameters.length > 0 ? `"parameters":{${parameters.join(",")}},` : ""
    }"outputs":[${outputs.join(",")}]}`,
    "latin1",
  );
  return blobs.some(blob => blob.byteLength > 0)
    ? { body: Buffer.concat([json, ...blobs]), jsonLength: json.length }
    : { body: json };
}

export const printParameter = (value: Parameter): string =>
  typeof value === "string" ? quoteText(value) : typeof value === "number" ? printDouble(value) : String(value);
