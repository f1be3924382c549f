/**
 * Triton's rate limiter (`--rate-limit=execution_count`): instances run when the resources that their groups name are free. The next
 * waiting one is the one with the fewest runs, weighed by its priority; of equals, the longest waiting. Others leave it the resources that
 * both need.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { invalid } from "../../base/errors.js";
import { instancesOf } from "./instance-groups.js";

/** The resources that one model version needs before an instance of it runs. */
export interface InstanceGate {
  /** Whether an instance that something waits for may run; if not, it has a claim on its resources. */
  mayRun(instance: number): boolean;
  /** How much an instance has run, weighed by its priority: of several the least is next. */
  share(instance: number): number;
  /**
   * Takes the resources of an instance that is about to run.
   * @param isAny whether any other instance would have done: those that were refused have no claim until they are refused again
   */
  take(instance: number, isAny: boolean): void;
  give(instance: number): void;
  /** @param wake called when resources have become free */
  onFree(wake: () => void): void;
  close(): void;
}

export interface RateLimiter {
  /** @throws RuntimeFault when a resource is too small for an instance ever to run */
  register(config: ModelConfig): InstanceGate;
}

/** How much there is of a resource, from the command line. */
export interface RateLimitResource {
  readonly name: string;
  readonly count: number;
  /** The one that has it; each device has as much by default. */
  readonly device?: number;
}

/** A global resource, or a device's own. */
interface Need {
  readonly name: string;
  readonly device: number | "global";
  readonly count: number;
}
/** The resources of an instance, by their pool: global ones first, in the order of names. */
type Needs = ReadonlyMap<string, Need>;

interface Member {
  readonly needs: readonly Needs[];
  /** The priority of each instance. */
  readonly priorities: readonly number[];
  readonly executions: number[];
  /** Instances that were refused, and since when. */
  claims: Map<number, number>;
  /** Instances that have their resources. */
  readonly running: Set<number>;
  /** Those before the last wake, for the order of equals. */
  earlier: ReadonlyMap<number, number>;
  wake(): void;
}

/** Triton's limiter counts the initialization and the warm-up of an instance as executions. */
const AT_LOAD = 2;

interface Turn {
  readonly share: number;
  readonly since: number;
}
const inTurn = (a: Turn, b: Turn): number => Number(a.share > b.share) - Number(a.share < b.share) || a.since - b.since;
const LAST: Turn = { share: Infinity, since: Number.MAX_SAFE_INTEGER };

/**
 * @param limits without any, there is as much of a resource as the neediest instance requires; otherwise none of those that are not named
 */
export const createRateLimiter = (limits: readonly RateLimitResource[]): RateLimiter => {
  const pools = new Pools(limits);
  return { register: config => new Gate(pools, config) };
};

/** The resources, who has some of them, and who waits. */
class Pools {
  readonly #limits: readonly RateLimitResource[];
  readonly #members = new Set<Member>();
  readonly #used = new Map<string, number>();
  #moments = 0;

  constructor(limits: readonly RateLimitResource[]) {
    this.#limits = limits;
  }

  /** @throws RuntimeFault when a resource is too small for an instance ever to run */
  add(member: Member): void {
    if (this.#limits.length > 0) for (const need of member.needs) requireEnough(this.#limits, need);
    refuseBothKinds([...this.#members].flatMap(({ needs }) => needs).concat(member.needs));
    this.#members.add(member);
  }

  delete(member: Member): void {
    this.#members.delete(member);
    this.wakeAll();
  }

  /** Later than all that it has returned before. */
  nextMoment(): number {
    return ++this.#moments;
  }

  change(needs: Needs, sign: 1 | -1): void {
    for (const [pool, { count }] of needs) this.#used.set(pool, (this.#used.get(pool) ?? 0) + sign * count);
  }

  fits(needs: Needs): boolean {
    for (const [pool, need] of needs)
      if ((this.#used.get(pool) ?? 0) + need.count > this.#limitOf(pool, need)) return false;
    return true;
  }

  /** Whether another model's instance waits for resources that this one needs, and is before it. */
  isBehind(member: Member, instance: number, needs: Needs): boolean {
    const own = { share: shareOf(member, instance), since: member.claims.get(instance) ?? LAST.since };
    for (const other of this.#members)
      for (const [waiting, since] of other === member ? [] : other.claims) {
        const wanted = other.needs[waiting]!;
        // A claim that could be met has no owner any more.
        if (inTurn({ share: shareOf(other, waiting), since }, own) < 0 && overlap(wanted, needs) && !this.fits(wanted))
          return true;
      }
    return false;
  }

  /** Repeats while a claim has no owner: it may have blocked others. */
  wakeAll(): void {
    while (this.#wakeEach());
  }

  /** @returns whether a claim was given up without use */
  #wakeEach(): boolean {
    const waiting = [...this.#members].filter(({ claims }) => claims.size > 0);
    const order = waiting.map(member => ({ member, turn: firstTurn(member) }));
    let isGivenUp = false;
    for (const { member } of order.sort((a, b) => inTurn(a.turn, b.turn))) {
      // The remaining waiters try again.
      const before = member.claims;
      member.earlier = before;
      member.claims = new Map();
      member.wake();
      for (const instance of before.keys()) isGivenUp ||= !member.claims.has(instance) && !member.running.has(instance);
    }
    return isGivenUp;
  }

  #limitOf(pool: string, need: Need): number {
    if (this.#limits.length > 0) return namedLimit(this.#limits, need);
    let most = 0;
    for (const { needs } of this.#members) for (const one of needs) most = Math.max(most, one.get(pool)?.count ?? 0);
    return most;
  }
}

/** The claims of one model version on the pools. */
class Gate implements InstanceGate {
  readonly #pools: Pools;
  readonly #member: Member;

  constructor(pools: Pools, config: ModelConfig) {
    const priorities = config.instance_group.flatMap(group =>
      instancesOf({ instance_group: [group] }).map(() => group.rate_limiter?.priority || 1),
    );
    this.#pools = pools;
    this.#member = {
      ...{ needs: needsOf(config), priorities, executions: priorities.map(() => AT_LOAD) },
      ...{ claims: new Map(), running: new Set(), earlier: new Map(), wake: () => {} },
    };
    pools.add(this.#member);
  }

  mayRun(instance: number): boolean {
    const member = this.#member;
    const wanted = member.needs[instance];
    if (!wanted?.size || (this.#pools.fits(wanted) && !this.#pools.isBehind(member, instance, wanted))) return true;
    if (!member.claims.has(instance))
      member.claims.set(instance, member.earlier.get(instance) ?? this.#pools.nextMoment());
    return false;
  }

  share(instance: number): number {
    return shareOf(this.#member, instance);
  }

  take(instance: number, isAny: boolean): void {
    this.#member.claims.delete(instance);
    this.#member.running.add(instance);
    if (isAny) this.#withdrawClaims();
    this.#pools.change(this.#member.needs[instance] ?? new Map(), 1);
  }

  give(instance: number): void {
    const need = this.#member.needs[instance];
    if (!need) return;
    this.#member.running.delete(instance);
    this.#member.executions[instance]! += 1;
    if (need.size === 0) return;
    this.#pools.change(need, -1);
    // Its model may have more for it, and is as far as the others then.
    this.#member.claims.set(instance, this.#pools.nextMoment());
    this.#pools.wakeAll();
  }

  onFree(wake: () => void): void {
    this.#member.wake = wake;
  }

  /** Others try again, since the claims may have held them back. One that is made again has its old place among equals. */
  #withdrawClaims(): void {
    const { claims } = this.#member;
    if (claims.size === 0) return;
    this.#member.earlier = claims;
    this.#member.claims = new Map();
    // Not amid the work of the scheduler whose request is about to run.
    queueMicrotask(() => this.#pools.wakeAll());
  }

  close(): void {
    this.#pools.delete(this.#member);
  }
}

const shareOf = ({ executions, priorities }: Member, instance: number): number =>
  (executions[instance] ?? 0) * (priorities[instance] ?? 1);

/** The first of the member's waiting instances. */
const firstTurn = (member: Member): Turn =>
  [...member.claims].map(([instance, since]) => ({ share: shareOf(member, instance), since })).sort(inTurn)[0] ?? LAST;

const overlap = (a: Needs, b: Needs): boolean => [...a.keys()].some(pool => b.has(pool));

/** Those of each instance, in the order in which schedulers number them. Triton's instances on CPUs are on device 0. */
function needsOf(config: ModelConfig): readonly Needs[] {
  return config.instance_group.flatMap(group =>
    instancesOf({ instance_group: [group] }).map(({ device = 0 }): Needs => {
      const needs = (group.rate_limiter?.resources ?? []).map(
        ({ name, global, count }): Need => ({ name, device: global ? "global" : device, count }),
      );
      return new Map(needs.toSorted(inTritonsOrder).map(need => [`${need.device} ${need.name}`, need]));
    }),
  );
}

const inTritonsOrder = (a: Need, b: Need): number =>
  Number(b.device === "global") - Number(a.device === "global") || (a.name < b.name ? -1 : Number(a.name > b.name));

/** If a resource is named twice for the same device, the smaller count applies. */
function namedLimit(limits: readonly RateLimitResource[], { name, device }: Need): number {
  const byDevice = new Map<number | undefined, number>();
  for (const limit of limits) {
    if (limit.name !== name || (device !== "global" && limit.device !== undefined && limit.device !== device)) continue;
    byDevice.set(limit.device, Math.min(limit.count, byDevice.get(limit.device) ?? Infinity));
  }
  return Math.max(0, ...byDevice.values());
}

function requireEnough(limits: readonly RateLimitResource[], needs: Needs): void {
  for (const need of needs.values()) {
    const limit = namedLimit(limits, need);
    if (limit < need.count)
      throw invalid(
        `Resource count for "${need.name}" is limited to ${limit} which will prevent scheduling of one or more model instances, the minimum required count is ${need.count}`,
      );
  }
}

function refuseBothKinds(all: readonly Needs[]): void {
  const local = new Set<string>();
  const global = new Set<string>();
  for (const needs of all)
    for (const { name, device } of needs.values()) (device === "global" ? global : local).add(name);
  const both = [...global].filter(name => local.has(name)).toSorted()[0];
  if (both !== undefined)
    throw invalid(
      `Resource "${both}" is present as both global and device-specific resource in the model configuration.`,
    );
}
