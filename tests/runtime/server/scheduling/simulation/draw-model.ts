/**
 * A simulated model of random configuration, whose executions take virtual time and fail sometimes. It records the rules of schedulers that
 * an execution breaks.
 */

import { RuntimeFault } from "#runtime/base/errors.js";
import type { BackendRequest, BackendResponse, Executions, LoadedModel } from "#runtime/server/contract.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import type { Random } from "./random.js";

export const FAULT = "a simulated fault of the model";

/** The state of each request for the model's users. */
export interface Watch {
  started(batch: readonly string[]): void;
  ended(batch: readonly string[]): void;
  breaks(rule: string): void;
}

export interface Drawn {
  readonly kind: "direct" | "dynamic" | "sequence";
  readonly init: ModelConfigInit;
  readonly instances: number;
  readonly sharesTurn: boolean;
  /** A resource that each execution needs; undefined without a rate limiter. */
  readonly resource: { readonly count: number; readonly each: number } | undefined;
}

const policyOf = (random: Random) => ({
  max_queue_size: random.below(2) * random.below(8),
  default_timeout_microseconds: random.below(2) * random.below(8000),
  allow_timeout_override: random.below(2) === 0,
  timeout_action: random.below(3) === 0 ? ("DELAY" as const) : ("REJECT" as const),
});

export function drawConfig(random: Random): Drawn {
  const instances = 1 + random.below(3);
  const max_batch_size = 1 + random.below(8);
  const each = 1 + random.below(2);
  const resource = random.below(3) === 0 ? { count: each + random.below(3), each } : undefined;
  const group = { count: instances, kind: "KIND_CPU" as const };
  const resources = [{ name: "R", global: true, count: each }];
  const common = { max_batch_size, instance_group: [{ ...group, ...(resource && { rate_limiter: { resources } }) }] };
  const preferred_batch_size = random.below(2) ? [1 + random.below(max_batch_size)] : [];
  const max_queue_delay_microseconds = random.below(2) * random.below(6000);
  const preserve_ordering = random.below(4) === 0;
  const kind = (["direct", "dynamic", "dynamic", "sequence"] as const)[random.below(4)]!;
  if (kind === "direct") return { kind, init: common, instances, sharesTurn: false, resource };
  if (kind === "dynamic") {
    const levels = random.below(2) * (1 + random.below(3));
    const dynamic_batching = {
      preferred_batch_size,
      max_queue_delay_microseconds,
      preserve_ordering,
      default_queue_policy: policyOf(random),
      ...(levels > 0 && { priority_levels: levels, default_priority_level: 1 + random.below(levels) }),
    };
    return { kind, init: { ...common, dynamic_batching }, instances, sharesTurn: random.below(3) === 0, resource };
  }
  const max_sequence_idle_microseconds = 20_000 + random.below(100_000);
  const oldest = { max_candidate_sequences: 1 + random.below(6), preferred_batch_size, max_queue_delay_microseconds };
  const sequence_batching = {
    max_sequence_idle_microseconds,
    ...(random.below(2) ? { direct: {} } : { oldest: { ...oldest, preserve_ordering } }),
  };
  return { kind, init: { ...common, sequence_batching }, instances, sharesTurn: false, resource };
}

export interface SimulatedModel extends LoadedModel {
  /** Executions that have begun and not ended. */
  running(): number;
}

export function simulatedModel({ init, sharesTurn, resource }: Drawn, random: Random, watch: Watch): SimulatedModel {
  const busy = new Set<number>();
  const respond = (requests: readonly BackendRequest[]): (BackendResponse | RuntimeFault)[] =>
    requests.map(request =>
      random.below(50) === 0
        ? new RuntimeFault("INTERNAL", FAULT)
        : { outputs: [{ ...request.inputs.get("IN")!, name: "OUT" }] },
    );
  return {
    ...(sharesTurn && { sharesTurn }),
    running: () => busy.size,
    execute(requests, instance): Executions | Promise<Executions> {
      if (busy.has(instance)) watch.breaks(`instance ${instance} runs two executions at once`);
      if (resource && (busy.size + 1) * resource.each > resource.count)
        watch.breaks(`${busy.size + 1} executions need ${resource.each} each of ${resource.count}`);
      const rows = requests.reduce((sum, { batch }) => sum + batch, 0);
      // One request may be larger than a batch of several.
      if (rows > init.max_batch_size! && requests.length > 1)
        watch.breaks(`a batch has ${rows} rows, more than ${init.max_batch_size}`);
      if (new Set(requests.map(({ inputs }) => inputs.get("IN")!.shape[1])).size > 1)
        watch.breaks("rows of different shapes share a batch");
      const ids = requests.map(({ id }) => id);
      watch.started(ids);
      const took = random.below(4) === 0 ? 0 : random.below(6000) / 1000;
      if (took === 0) {
        watch.ended(ids);
        return respond(requests);
      }
      busy.add(instance);
      return new Promise((resolve, reject) =>
        setTimeout(() => {
          busy.delete(instance);
          watch.ended(ids);
          if (random.below(40) === 0) reject(new RuntimeFault("INTERNAL", FAULT));
          else resolve(respond(requests));
        }, took),
      );
    },
  };
}
