/**
 * The rules of a dynamic batcher: configuration → nothing, or a fault with Triton's text.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { RuntimeFault } from "../../base/errors.js";

const refuse = (text: string): never => {
  throw new RuntimeFault("INVALID_ARGUMENT", text);
};

export function validateDynamicBatching(config: ModelConfig): void {
  const { name, max_batch_size: max, dynamic_batching: dynamic } = config;
  if (!dynamic) return;
  for (const size of dynamic.preferred_batch_size) {
    if (size <= 0) refuse(`dynamic batching preferred size must be positive for ${name}`);
    if (size > max) refuse(`dynamic batching preferred size must be <= max batch size for ${name}`);
  }
  const levels = dynamic.priority_levels;
  const policies = Object.entries(dynamic.priority_queue_policy);
  if (levels > 0) {
    if (dynamic.default_priority_level < 1 || dynamic.default_priority_level > levels)
      refuse(`default priority level must be in range [1, ${levels}] for ${name}`);
    for (const [level] of policies)
      if (Number(level) < 1 || Number(level) > levels)
        refuse(`priority queue policy must have priority level in range [1, ${levels}] for ${name}`);
  }
  if (!dynamic.preserve_ordering) return;
  if (levels > 1) refuse(`Only one priority level is allowed when 'preserve_ordering' is true for ${name}`);
  const delays = [dynamic.default_queue_policy, ...policies.map(([, policy]) => policy)].some(
    policy => policy?.timeout_action === "DELAY" && policy.default_timeout_microseconds > 0,
  );
  if (delays) refuse(`Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for ${name}`);
}
