/**
 * An inference request as the HTTP protocol has it, beside what is the data plane's.
 */
import type { InferRequest } from "../../contract.js";

export interface HttpInferRequest {
  readonly request: InferRequest;
  /** Whether an output travels as bytes after the JSON. */
  isBinary(output: string): boolean;
}
