/**
 * Refusals of the schedulers; Triton's texts.
 */
import { RuntimeFault } from "../../base/errors.js";

export const cancelled = (): RuntimeFault => new RuntimeFault("CANCELLED", "Request cancelled");

export const stopping = (): RuntimeFault =>
  new RuntimeFault(
    "UNAVAILABLE",
    "Server is stopping, scheduler for model has stopped accepting new inference requests",
  );

export const timedOut = (): RuntimeFault => new RuntimeFault("UNAVAILABLE", "Request timeout expired");
