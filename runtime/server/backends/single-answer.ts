/** The answer of a model that gives one for each request. */
import { internal, RuntimeFault } from "../../base/errors.js";
import type { BackendResponse } from "../contract.js";

/** @returns the first of the answers; a fault if there is none, or if they cannot be made */
export async function singleAnswer(
  answers: () => AsyncIterable<BackendResponse | RuntimeFault> | Iterable<BackendResponse>,
): Promise<BackendResponse | RuntimeFault> {
  try {
    for await (const answer of answers()) return answer;
    return internal("expected a single response, got 0");
  } catch (error) {
    return RuntimeFault.from(error);
  }
}
