/** The queue of a batcher against a plain restatement of Triton's policies, over random histories: levels, sizes, time-outs, and clients that give up. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { RuntimeFault } from "#runtime/base/errors.js";
import type { Job } from "#runtime/server/scheduling/job.js";
import { createPolicyQueue } from "#runtime/server/scheduling/policy-queue.js";
import type { ModelDynamicBatching, ModelQueuePolicy } from "#triton-protos/gen/messages.js";
import { requestOf } from "./support.js";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

const policyOf = (given: Partial<ModelQueuePolicy>): ModelQueuePolicy => ({
  timeout_action: "REJECT",
  default_timeout_microseconds: 0,
  allow_timeout_override: false,
  max_queue_size: 0,
  ...given,
});

interface Entry {
  readonly id: string;
  readonly job: Job;
  readonly level: number;
  readonly policy: ModelQueuePolicy;
  /** In milliseconds; Infinity for never. */
  readonly until: number;
  readonly leaving: AbortController;
  state: "waits" | "late" | "expired";
  /** The time at which it was delayed. */
  lateSince?: number;
}

/** The queue, and its invariants. */
class World {
  readonly #batching: Partial<ModelDynamicBatching>;
  readonly #queue;
  readonly #entries: Entry[] = [];
  readonly outcomes = new Map<string, string>();
  readonly #expected = new Map<string, string>();
  #now = 0;
  #changes = 0;
  #expectedChanges = 0;
  #sent = 0;

  constructor(batching: Partial<ModelDynamicBatching>) {
    this.#batching = batching;
    this.#queue = createPolicyQueue(batching, () => void this.#changes++);
  }

  add(priority: number, timeoutMs: number): void {
    const id = String(++this.#sent);
    const leaving = new AbortController();
    const note = (outcome: string): void => void this.outcomes.set(id, outcome);
    const job: Job = {
      request: requestOf(id, {
        controls: { priority: BigInt(priority), timeout: BigInt(timeoutMs * 1000) },
        signal: leaving.signal,
      }),
      arrived: this.#now,
      resolve: () => note("run"),
      reject: fault => note((fault as RuntimeFault).message),
    };
    const levels = this.#batching.priority_levels ?? 0;
    const isOwn = priority > 0 && priority <= levels;
    const level = levels === 0 ? 0 : isOwn ? priority : this.#batching.default_priority_level!;
    const own = level > 0 ? this.#batching.priority_queue_policy?.[level] : undefined;
    const policy = own ?? this.#batching.default_queue_policy ?? policyOf({});
    const length = this.#entries.filter(one => one.level === level && one.state !== "expired").length;
    const expired = this.#entries.filter(one => one.level === level && one.state === "expired").length;
    if (policy.max_queue_size > 0 && length + expired >= policy.max_queue_size) {
      expect(() => this.#queue.add(job)).toThrow(`[request id: ${id}] Exceeds maximum queue size`);
      return;
    }
    this.#queue.add(job);
    const given = policy.default_timeout_microseconds / 1000;
    const wait = policy.allow_timeout_override && timeoutMs > 0 && timeoutMs < given ? timeoutMs : given;
    const until = wait > 0 ? this.#now + wait : Infinity;
    this.#entries.push({ id, job, level, policy, until, leaving, state: "waits" });
  }

  /** Takes the first jobs, as a batch. */
  take(count: number): void {
    for (const job of [...this.#queue.jobs()].slice(0, count)) {
      this.#queue.take(job);
      this.#drop(this.#entries.find(one => one.job === job)!);
      job.resolve(undefined as never);
      this.#expected.set(job.request.id, "run");
    }
  }

  giveUp(which: number): void {
    const entry = this.#entries[which % this.#entries.length];
    entry?.leaving.abort();
    if (!entry) return;
    this.#drop(entry);
    this.#expected.set(entry.id, "Request cancelled");
    this.#expectedChanges++;
  }

  wait(milliseconds: number): void {
    const end = this.#now + milliseconds;
    const due = this.#entries.filter(({ state, until }) => state === "waits" && until <= end);
    for (const entry of due.sort((a, b) => a.until - b.until)) {
      entry.state = entry.policy.timeout_action === "DELAY" ? "late" : "expired";
      entry.lateSince = entry.until;
      this.#expectedChanges++;
    }
    vi.advanceTimersByTime(milliseconds);
    this.#now = end;
  }

  refuse(): void {
    this.#queue.refuseExpired();
    for (const entry of this.#entries.filter(({ state }) => state === "expired")) {
      this.#drop(entry);
      // Not at once: after the answers of the execution that made room.
      expect(this.outcomes.has(entry.id)).toBe(false);
      this.#expected.set(entry.id, "Request timeout expired");
    }
    this.wait(1);
  }

  check(): void {
    const inOrder = [...this.#entries].sort(
      (a, b) =>
        a.level - b.level ||
        Number(a.state === "late") - Number(b.state === "late") ||
        (a.state === "late" ? a.lateSince! - b.lateSince! : 0),
    );
    expect([...this.#queue.jobs()].map(({ request }) => request.id)).toEqual(inOrder.map(({ id }) => id));
    expect(this.#queue.size).toBe(this.#entries.length);
    expect(this.#queue.hasExpired).toBe(this.#entries.some(({ state }) => state === "expired"));
    expect(this.outcomes).toEqual(this.#expected);
    expect(this.#changes).toBe(this.#expectedChanges);
  }

  finish(): void {
    this.take(this.#entries.length);
    this.check();
    expect(vi.getTimerCount()).toBe(0);
  }

  #drop(entry: Entry): void {
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    // Nothing listens any more: a signal of a stream is shared by its requests.
    const before = this.#changes;
    entry.leaving.abort();
    expect(this.#changes).toBe(before);
  }
}

const policy = fc.record({
  timeout_action: fc.constantFrom("REJECT", "DELAY"),
  default_timeout_microseconds: fc.constantFrom(0, 5000, 20_000),
  allow_timeout_override: fc.boolean(),
  max_queue_size: fc.constantFrom(0, 0, 1, 3),
});
const batching: fc.Arbitrary<Partial<ModelDynamicBatching>> = fc.oneof(
  fc.constant({}),
  policy.map(default_queue_policy => ({ default_queue_policy: default_queue_policy as ModelQueuePolicy })),
  fc
    .record({
      usual: policy,
      own: policy,
      levels: fc.integer({ min: 1, max: 3 }),
      place: fc.integer({ min: 1, max: 3 }),
    })
    .map(({ usual, own, levels, place }) => ({
      priority_levels: levels,
      default_priority_level: Math.min(place, levels),
      default_queue_policy: usual as ModelQueuePolicy,
      priority_queue_policy: { [place]: own as ModelQueuePolicy },
    })),
);
const command = (name: string, run: (world: World) => void): fc.Command<object, World> => ({
  check: () => true,
  run(_, world) {
    run(world);
    world.check();
  },
  toString: () => name,
});
const add = fc
  .tuple(fc.integer({ min: 0, max: 4 }), fc.constantFrom(0, 2, 7, 50))
  .map(([priority, timeout]) => command(`add ${priority} ${timeout}`, world => world.add(priority, timeout)));
const COMMANDS = [
  add,
  add,
  add,
  fc.integer({ min: 1, max: 3 }).map(count => command(`take ${count}`, world => world.take(count))),
  fc.nat(9).map(which => command(`give up ${which}`, world => world.giveUp(which))),
  fc.constantFrom(1, 3, 6, 15).map(ms => command(`wait ${ms}`, world => world.wait(ms))),
  fc.constant(command("refuse", world => world.refuse())),
];

test("any history leaves the queue as the policies say", () => {
  fc.assert(
    fc.property(batching, fc.commands(COMMANDS, { maxCommands: 40, size: "max" }), (given, commands) => {
      const world = new World(given);
      fc.modelRun(() => ({ model: {}, real: world }), commands);
      world.finish();
    }),
    { numRuns: 400 },
  );
});

describe("levels", () => {
  test("of 2^32 only those with requests are held, in order", () => {
    const queue = createPolicyQueue({ priority_levels: 2 ** 32, default_priority_level: 7 }, () => {});
    const priorities = [9, 2 ** 32, 1, 0, 5_000_000_000, 3, 9];
    const jobs = priorities.map((priority, i) => ({
      ...{ request: requestOf(`${i}`, { controls: { priority: BigInt(priority) } }), arrived: 0 },
      ...{ resolve() {}, reject() {} },
    }));
    for (const job of jobs) queue.add(job);
    // A priority of 0, or beyond the last level, is the default one.
    expect([...queue.jobs()].map(({ request }) => request.id)).toEqual(["2", "5", "3", "4", "0", "6", "1"]);
    for (const job of jobs) queue.take(job);
    expect([queue.size, [...queue.jobs()]]).toEqual([0, []]);
  });
  test("a time-out of more than a timer can wait does not end at once", () => {
    const queue = createPolicyQueue(
      { default_queue_policy: policyOf({ default_timeout_microseconds: 2 ** 53 }) },
      () => {},
    );
    queue.add({ request: requestOf("1"), arrived: 0, resolve() {}, reject() {} });
    vi.advanceTimersByTime(1e6);
    expect(queue.hasExpired).toBe(false);
  });
});
