/**
 * Models whose state or limits several workers cannot split: one process has to have all of their requests.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";

/** @param rateLimit whether the resources of instances are limited @returns why it can't be served by one worker of several */
export function indivisible(config: ModelConfig, rateLimit: boolean): string | undefined {
  const { name } = config;
  if (config.sequence_batching)
    return `model '${name}' keeps the state of sequences, and several workers cannot share it: serve it with --workers 1`;
  if (rateLimit && config.instance_group.some(({ rate_limiter }) => (rate_limiter?.resources.length ?? 0) > 0))
    return `model '${name}' takes resources of the rate limiter, and several workers cannot share them: serve it with --workers 1`;
  return undefined;
}
