/**
 * Refusals of the schedulers; Triton's texts.
 */
import { RuntimeFault, unavailable } from "../../base/errors.js";

export const cancelled = (): RuntimeFault => new RuntimeFault("CANCELLED", "Request cancelled");

export const stopping = (): RuntimeFault =>
  unavailable("Server is stopping, scheduler for model has stopped accepting new inference requests");

export const timedOut = (): RuntimeFault => unavailable("Request timeout expired");
