/**
 * Random histories of models that share resources: requests arrive, end, and are cancelled; models are loaded and unloaded. After each step
 * no resource is used beyond its limit, and the instance whose turn it is runs. `LIMITER_RUNS=5000 npm test -- limiter-histories` runs
 * more.
 */
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { LoadedModel } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { directScheduler } from "#runtime/server/scheduling/direct.js";
import { createRateLimiter, type RateLimitResource } from "#runtime/server/scheduling/rate-limiter.js";
import type { Scheduler } from "#runtime/server/scheduling/scheduler.js";
import { configOf, requestOf } from "./support.js";

const RUNS = Number(process.env.LIMITER_RUNS ?? 400);

interface Group {
  readonly count: number;
  readonly priority: number;
  /** Needs of the global resource G, and of the device's own D. */
  readonly needs: readonly [global: number, device: number];
}

interface Execution {
  readonly name: string;
  readonly instance: number;
  readonly needs: readonly number[];
  end(): void;
}

interface Member {
  readonly name: string;
  readonly groups: readonly Group[];
  readonly scheduler: Scheduler;
  readonly executions: number[];
  /** Ids of requests that wait. */
  readonly waiting: Map<string, AbortController>;
  isDraining: boolean;
}

const LIMITS: readonly RateLimitResource[] = [
  { name: "G", count: 4 },
  { name: "D", count: 2 },
];
const instancesOf = (groups: readonly Group[]): readonly Group[] =>
  groups.flatMap(group => Array.from({ length: group.count }, () => group));

class World {
  readonly #limiter;
  readonly #limits: readonly RateLimitResource[];
  readonly #members: Member[] = [];
  readonly #running: Execution[] = [];
  readonly #outcomes = new Map<string, string>();
  readonly #broken: string[] = [];
  #sent = 0;
  #opened = 0;
  /** A cancellation or a load wakes no waiter: it may run when the next execution ends. */
  #mayLag = false;

  constructor(isLimited: boolean) {
    this.#limits = isLimited ? LIMITS : [];
    this.#limiter = createRateLimiter(this.#limits);
  }

  open(groups: readonly Group[]): void {
    this.#mayLag = true;
    const name = `m${this.#opened++}`;
    const config = configOf({
      name,
      instance_group: groups.map(({ count, priority, needs: [global, device] }) => {
        const resources = [
          ...(global > 0 ? [{ name: "G", global: true, count: global }] : []),
          ...(device > 0 ? [{ name: "D", count: device }] : []),
        ];
        return { count, kind: "KIND_CPU" as const, rate_limiter: { priority, resources } };
      }),
    });
    const model: LoadedModel = { execute: (requests, instance) => this.#execute(member, requests[0]!.id, instance) };
    const gate = this.#limiter.register(config);
    const inner = directScheduler(model, instancesOf(groups).length, createStatistics(), gate);
    const scheduler = { ...inner, drain: () => inner.drain().finally(() => gate.close()) };
    const member: Member = {
      ...{ name, groups, scheduler, waiting: new Map(), isDraining: false },
      // Loading and warming up an instance count, as in Triton.
      executions: instancesOf(groups).map(() => 2),
    };
    this.#members.push(member);
  }

  async #execute(member: Member, id: string, instance: number) {
    if (this.#running.some(one => one.name === member.name && one.instance === instance))
      this.#broken.push(`instance ${instance} of ${member.name} runs twice`);
    member.waiting.delete(id);
    const { needs } = instancesOf(member.groups)[instance]!;
    const ended = new Promise<void>(end => this.#running.push({ name: member.name, instance, needs, end }));
    // Without a given limit, an unload may lower it below the used amount.
    for (const [pool, amount] of this.#used().entries())
      if (needs[pool]! > 0 && amount > this.#limitOf(pool))
        this.#broken.push(`request ${id} of ${member.name} begins, and ${amount} of resource ${pool} are in use`);
    await ended;
    member.executions[instance]!++;
    return [{ outputs: [] }];
  }

  send(which: number): void {
    const open = this.#members.filter(({ isDraining }) => !isDraining);
    const member = open[which % open.length];
    if (!member) return;
    const id = String(++this.#sent);
    const leaving = new AbortController();
    member.waiting.set(id, leaving);
    const note = (outcome: string) => (): void => {
      if (this.#outcomes.has(id)) this.#broken.push(`request ${id} is answered twice`);
      this.#outcomes.set(id, outcome);
    };
    member.scheduler
      .schedule(requestOf(id, { signal: leaving.signal }))
      .then(note("answered"), error => note(error.code)());
  }

  end(which: number): void {
    const [ended] = this.#running.splice(which % this.#running.length, 1);
    if (!ended) return;
    // One that has used nothing frees nothing.
    this.#mayLag &&= ended.needs.every(count => count === 0);
    ended.end();
  }

  giveUp(which: number): void {
    const waiting = this.#members.flatMap(member =>
      [...member.waiting].map(([id, leaving]) => ({ member, id, leaving })),
    );
    const chosen = waiting[which % waiting.length];
    if (!chosen) return;
    this.#mayLag = true;
    chosen.member.waiting.delete(chosen.id);
    chosen.leaving.abort();
  }

  drain(which: number): void {
    const open = this.#members.filter(({ isDraining }) => !isDraining);
    const member = open[which % open.length];
    if (!member || open.length === 1) return;
    member.isDraining = true;
    void member.scheduler.drain().then(() => {
      if (member.waiting.size > 0) this.#broken.push(`${member.name} is drained, and requests wait`);
      this.#members.splice(this.#members.indexOf(member), 1);
    });
  }

  async check(): Promise<void> {
    for (let i = 0; i < 6; i++) await turn();
    expect(this.#broken).toEqual([]);
    const used = this.#used();
    const next = this.#firstInTurn();
    // The first waiter runs already if it fits.
    if (next && !this.#mayLag)
      expect({ next: next.name, fits: this.#fits(next.needs, used) }).toEqual({ next: next.name, fits: false });
  }

  /** Ends all that runs until nothing waits: every request is answered. */
  async finish(): Promise<void> {
    while (this.#running.length > 0) {
      this.end(0);
      await this.check();
    }
    expect(this.#members.filter(({ waiting }) => waiting.size > 0)).toEqual([]);
    expect(this.#outcomes.size).toBe(this.#sent);
    expect(new Set([...this.#outcomes.values(), "answered", "CANCELLED"]).size).toBe(2);
    expect(this.#used()).toEqual([0, 0]);
  }

  #used(): [number, number] {
    const used: [number, number] = [0, 0];
    for (const { needs } of this.#running) for (const pool of [0, 1] as const) used[pool] += needs[pool]!;
    return used;
  }

  #limitOf(pool: number): number {
    if (this.#limits.length > 0) return this.#limits[pool]!.count;
    return Math.max(0, ...this.#members.flatMap(({ groups }) => groups.map(({ needs }) => needs[pool]!)));
  }

  #fits(needs: readonly number[], used: readonly number[]): boolean {
    return needs.every((count, pool) => count === 0 || used[pool]! + count <= this.#limitOf(pool));
  }

  /** The idle instance of a model with waiting requests that has run least, weighed by its priority; undefined if several have. */
  #firstInTurn(): { readonly name: string; readonly needs: readonly number[] } | undefined {
    const idle = this.#members
      .filter(({ waiting }) => waiting.size > 0)
      .flatMap(({ name, groups, executions }) =>
        instancesOf(groups).flatMap(({ priority, needs }, instance) =>
          this.#running.some(one => one.name === name && one.instance === instance)
            ? []
            : [{ name, needs, share: executions[instance]! * priority }],
        ),
      );
    const least = Math.min(...idle.map(({ share }) => share));
    const [first, ...others] = idle.filter(({ share }) => share === least);
    return others.every(({ name }) => name === first!.name) ? first : undefined;
  }
}

const group = fc.record({
  count: fc.integer({ min: 1, max: 2 }),
  priority: fc.integer({ min: 1, max: 3 }),
  needs: fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 2 })),
});
const groups = fc.array(group, { minLength: 1, maxLength: 2 });
const which = fc.nat({ max: 20 });

type Real = World;
const command = (name: string, run: (world: Real) => void): fc.AsyncCommand<object, Real> => ({
  check: () => true,
  async run(_, world) {
    run(world);
    await world.check();
  },
  toString: () => name,
});
const COMMANDS = [
  groups.map(given => command(`open ${JSON.stringify(given)}`, world => world.open(given))),
  ...Array.from({ length: 4 }, () => which.map(n => command(`send ${n}`, world => world.send(n)))),
  ...Array.from({ length: 3 }, () => which.map(n => command(`end ${n}`, world => world.end(n)))),
  which.map(n => command(`give up ${n}`, world => world.giveUp(n))),
  which.map(n => command(`drain ${n}`, world => world.drain(n))),
];

test.each([
  ["with limits", true],
  ["without limits, as much as the neediest instance needs", false],
])("%s", async (_, isLimited) => {
  await fc.assert(
    fc.asyncProperty(
      groups,
      groups,
      fc.commands(COMMANDS, { maxCommands: 60, size: "max" }),
      async (a, b, commands) => {
        const world = new World(isLimited);
        await fc.asyncModelRun(() => {
          world.open(a);
          world.open(b);
          return { model: {}, real: world };
        }, commands);
        await world.finish();
      },
    ),
    { numRuns: RUNS },
  );
});
