/**
 * Triton's rate limiter (`--rate-limit=execution_count`): instances run when the resources that their groups name are free; those that have run
 * least, weighed by their priority, are asked first.
 */
import type { ModelConfig } from "../../triton-protos/model-config.js";
import { RuntimeFault } from "../errors.js";

/** What one model version asks before an instance of it runs. */
export interface InstanceGate {
  mayRun(instance: number): boolean;
  /** Takes the resources of an instance that is about to run. */
  take(instance: number): void;
  give(instance: number): void;
  /** @param wake called when resources have become free */
  onFree(wake: () => void): void;
  close(): void;
}

export interface RateLimiter {
  /** @throws RuntimeFault when a resource is too small for an instance ever to run */
  register(config: ModelConfig): InstanceGate;
}

type Needs = ReadonlyMap<string, number>;

interface Member {
  readonly needs: readonly Needs[];
  readonly priority: number;
  executions: number;
  wake(): void;
}

/** @param limits counts of resources from the command line; of others there is as much as the neediest instance asks for */
export function createRateLimiter(limits: Readonly<Record<string, number>>): RateLimiter {
  const members = new Set<Member>();
  const used = new Map<string, number>();
  const limitOf = (name: string): number =>
    limits[name] ??
    [...members].reduce((most, { needs }) => Math.max(most, ...needs.map(need => need.get(name) ?? 0)), 0);
  const change = (needs: Needs, sign: 1 | -1): void => {
    for (const [name, count] of needs) used.set(name, (used.get(name) ?? 0) + sign * count);
  };
  return {
    register(config) {
      const needs = config.instance_group.flatMap(({ count, rate_limiter }) => {
        const need = new Map((rate_limiter?.resources ?? []).map(({ name, count }) => [name, count]));
        return Array.from({ length: count }, () => need);
      });
      for (const need of needs)
        for (const [name, count] of need)
          if (limits[name] !== undefined && limits[name] < count)
            throw new RuntimeFault(
              "INVALID_ARGUMENT",
              `Resource count for "${name}" is limited to ${limits[name]} which will prevent scheduling of one or more model instances, the minimum required count is ${count}`,
            );
      const priorities = config.instance_group.map(({ rate_limiter }) => rate_limiter?.priority || 1);
      const member: Member = { needs, priority: Math.min(...priorities, Infinity), executions: 0, wake: () => {} };
      members.add(member);
      return {
        mayRun: instance =>
          [...(needs[instance] ?? [])].every(([name, count]) => (used.get(name) ?? 0) + count <= limitOf(name)),
        take(instance) {
          member.executions++;
          change(needs[instance] ?? new Map(), 1);
        },
        give(instance) {
          const need = needs[instance];
          if (!need || need.size === 0) return;
          change(need, -1);
          const share = ({ executions, priority }: Member): number => executions * priority;
          for (const other of [...members].sort((a, b) => share(a) - share(b))) other.wake();
        },
        onFree(wake) {
          member.wake = wake;
        },
        close: () => void members.delete(member),
      };
    },
  };
}
