/**
 * One simulated life of a scheduler from a seed → the broken rules. It has a random configuration, clients that send, cancel and wait, a
 * model that takes time and fails, and an end by draining.
 */

import type { RuntimeFault } from "#runtime/base/errors.js";
import type { BackendRequest, LoadedModel } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { createRateLimiter, type RateLimiter } from "#runtime/server/scheduling/rate-limiter.js";
import type { Scheduler } from "#runtime/server/scheduling/scheduler.js";
import { configOf, requestOf, schedulerOf } from "../support.js";
import { type Drawn, drawConfig, FAULT, simulatedModel } from "./draw-model.js";
import { type Random, randomFrom } from "./random.js";
import { installVirtualTime } from "./virtual-time.js";

/** Virtual milliseconds within which all requests are sent. */
const SPAN = 60;
const EVENTS = 20_000;

interface Sent {
  readonly request: BackendRequest;
  /** Position in the order of arrival. */
  order: number;
  at: number;
  /** Virtual time of its client's cancellation. */
  cancelledAt?: number;
  startedAt?: number;
  isRunning?: boolean;
  settled: number;
  outcome?: string;
}

/** Seeded bugs for the control: each must be found. */
export interface Bugs {
  readonly model?: (model: LoadedModel) => LoadedModel;
  readonly limiter?: (limiter: RateLimiter | undefined) => RateLimiter | undefined;
  readonly scheduler?: (scheduler: Scheduler) => Scheduler;
}

export interface Life {
  readonly drawn: Drawn;
  readonly requests: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly broken: readonly string[];
}

/** The requests of one seed, before they are sent; those of sequences carry START and END. */
function drawRequests({ kind, init }: Drawn, random: Random): { at: number; cancelAfter?: number; make: Make }[] {
  const levels = init.dynamic_batching?.priority_levels ?? 0;
  const count = 20 + random.below(60);
  const sequences = Array.from({ length: 8 }, () => ({ left: 0, id: 0n, at: 0 }));
  let [nextId, number] = [1n, 0];
  return Array.from({ length: count }, () => {
    const id = String(++number);
    const cancelAfter = random.below(8) === 0 ? random.below(8000) / 1000 : undefined;
    const at = random.below(SPAN * 1000) / 1000;
    const cancel = cancelAfter === undefined ? {} : { cancelAfter };
    if (kind !== "sequence") {
      const controls = {
        priority: BigInt(random.below(levels + 1)),
        timeout: BigInt(random.below(2) * random.below(6000)),
      };
      const rows = 1 + random.below(Math.min(3, init.max_batch_size!));
      const width = 1 + Math.floor(random.below(4) / 3);
      return { at, ...cancel, make: signal => requestOf(id, { rows, width, controls, ...(signal && { signal }) }) };
    }
    const one = sequences[random.below(sequences.length)]!;
    const start = one.left === 0;
    if (start) Object.assign(one, { left: 1 + random.below(5), id: nextId++, at });
    one.left--;
    one.at += random.below(4000) / 1000;
    const controls = { correlationId: one.id, start, end: one.left === 0 };
    return { at: one.at, ...cancel, make: signal => requestOf(id, { controls, ...(signal && { signal }) }) };
  });
}

type Make = (signal?: AbortSignal) => BackendRequest;

/** Rules about the order in which requests of a batcher begin. */
function checkOrder(
  drawn: Drawn,
  batch: readonly Sent[],
  all: Iterable<Sent>,
  now: number,
  breaks: (rule: string) => void,
): void {
  const batching = drawn.init.dynamic_batching;
  // A refusal that waits for its place in the order looks like a request that waits to run.
  if (batching?.preserve_ordering && batching.default_queue_policy?.max_queue_size) return;
  // Requests that are late by DELAY are after others of their level.
  if (drawn.kind === "sequence" || batching?.default_queue_policy?.timeout_action === "DELAY") return;
  const levels = batching?.priority_levels ?? 0;
  const level = ({ request: { controls } }: Sent): number => {
    const wanted = Number(controls.priority);
    return levels === 0 ? 0 : wanted === 0 || wanted > levels ? batching!.default_priority_level! : wanted;
  };
  const isBefore = (a: Sent, b: Sent): boolean => level(a) < level(b) || (level(a) === level(b) && a.order < b.order);
  const last = batch.reduce((a, b) => (isBefore(a, b) ? b : a));
  // One of this turn of the event loop may not be in the queue yet.
  for (const other of all)
    if (
      !batch.includes(other) &&
      other.startedAt === undefined &&
      other.settled === 0 &&
      other.cancelledAt === undefined &&
      other.at < now &&
      isBefore(other, last)
    )
      if (!batching?.default_queue_policy?.default_timeout_microseconds)
        // Its time in the queue may be over.
        breaks(`request ${last.request.id} began before ${other.request.id}, which was before it in the queue`);
}

/** Requests of a sequence begin one after the other, in their order. */
function checkSequence(batch: readonly Sent[], all: Iterable<Sent>, breaks: (rule: string) => void): void {
  for (const one of batch)
    for (const other of all) {
      if (other === one || other.request.controls.correlationId !== one.request.controls.correlationId) continue;
      if (other.order > one.order && other.startedAt !== undefined)
        breaks(`request ${one.request.id} began after ${other.request.id} of the same sequence, which came after it`);
      if (other.order < one.order && other.isRunning)
        breaks(`requests ${other.request.id} and ${one.request.id} of one sequence run at once`);
    }
}

function classify(sent: Sent, error: RuntimeFault, isDraining: boolean, drawn: Drawn): string | undefined {
  const { code, message } = error;
  if (message === FAULT) return "fault";
  if (code === "CANCELLED")
    return sent.cancelledAt !== undefined || drawn.kind === "sequence" ? "cancelled" : undefined;
  if (code === "UNAVAILABLE" && /Server is stopping/.test(message)) return isDraining ? "stopping" : undefined;
  if (code === "UNAVAILABLE" && /Exceeds maximum queue size/.test(message))
    return drawn.init.dynamic_batching?.default_queue_policy?.max_queue_size ? "full" : undefined;
  if (code === "UNAVAILABLE" && /Request timeout expired/.test(message))
    return drawn.init.dynamic_batching?.default_queue_policy?.default_timeout_microseconds ? "expired" : undefined;
  // A sequence that a cancelled or failed request, or its idle time, has ended.
  if (code === "INVALID_ARGUMENT" && drawn.kind === "sequence") return "not started";
  return undefined;
}

/** @param bugs put into the model or the scheduler, to see that the rules find them */
export async function simulate(seed: number, bugs: Bugs = {}): Promise<Life> {
  const random = randomFrom(seed);
  const drawn = drawConfig(random);
  const sent = new Map<string, Sent>();
  const broken: string[] = [];
  const outcomes: Record<string, number> = {};
  const breaks = (rule: string): void => void broken.push(`seed ${seed}: ${rule}`);
  const time = installVirtualTime();
  try {
    const model = simulatedModel(drawn, random, {
      breaks,
      started(ids) {
        const batch = ids.flatMap(id => sent.get(id) ?? []);
        for (const one of batch) {
          if (one.startedAt !== undefined) breaks(`request ${one.request.id} runs twice`);
          if (one.settled > 0) breaks(`request ${one.request.id} runs after its answer`);
          if (one.cancelledAt !== undefined && one.cancelledAt < time.now())
            breaks(`request ${one.request.id} runs after it was cancelled`);
        }
        if (batch.length === 0) return;
        checkOrder(drawn, batch, sent.values(), time.now(), breaks);
        if (drawn.kind === "sequence") checkSequence(batch, sent.values(), breaks);
        for (const one of batch) Object.assign(one, { startedAt: time.now(), isRunning: true });
      },
      ended(ids) {
        for (const id of ids) if (sent.has(id)) sent.get(id)!.isRunning = false;
      },
    });
    const stats = createStatistics();
    const limiter = drawn.resource && createRateLimiter([{ name: "R", count: drawn.resource.count }]);
    const config = configOf(drawn.init);
    const made = bugs.model?.(model) ?? model;
    const plain = await schedulerOf(config, made, { stats, limiter: bugs.limiter?.(limiter) ?? limiter });
    const scheduler = bugs.scheduler?.(plain) ?? plain;
    let [order, lastSettled, isDraining, isDrained] = [0, -1, false, false];
    const isOrdered =
      drawn.init.dynamic_batching?.preserve_ordering || drawn.init.sequence_batching?.oldest?.preserve_ordering;

    const settle = (one: Sent, outcome: string | undefined, wrong: string): void => {
      if (++one.settled > 1) breaks(`request ${one.request.id} is answered twice`);
      if (outcome === undefined) breaks(wrong);
      one.outcome = outcome ?? "wrong";
      outcomes[one.outcome] = (outcomes[one.outcome] ?? 0) + 1;
      // A request that is refused before it is queued has no position in the order.
      if (!isOrdered || one.startedAt === undefined) return;
      if (one.startedAt < lastSettled)
        breaks(`request ${one.request.id} is answered after one that began later, though order is kept`);
      lastSettled = one.startedAt;
    };
    const send = (make: Make, cancelAfter: number | undefined): void => {
      const leaving = new AbortController();
      const one: Sent = { request: make(leaving.signal), order: order++, at: time.now(), settled: 0 };
      sent.set(one.request.id, one);
      if (cancelAfter !== undefined)
        setTimeout(() => {
          one.cancelledAt = time.now();
          leaving.abort();
        }, cancelAfter);
      scheduler.schedule(one.request).then(
        ({ response }) => {
          const bytes = response?.outputs[0]?.data as Uint8Array | undefined;
          const value = bytes && new Int32Array(bytes.slice().buffer)[0];
          settle(
            one,
            value === Number(one.request.id) ? "answered" : undefined,
            `request ${one.request.id} has the answer of ${value}`,
          );
        },
        (error: RuntimeFault) =>
          settle(
            one,
            classify(one, error, isDraining, drawn),
            `request ${one.request.id} ended with ${error.code}: ${error.message}`,
          ),
      );
    };
    const requests = drawRequests(drawn, random);
    for (const { at, cancelAfter, make } of requests) setTimeout(() => send(make, cancelAfter), at);
    setTimeout(
      () => {
        isDraining = true;
        void scheduler.drain().then(() => {
          isDrained = true;
          if (model.running() > 0) breaks("draining ended while executions run");
        });
      },
      SPAN / 2 + random.below(SPAN * 1000) / 1000,
    );
    const ended = await time.run(EVENTS);
    if (!ended) breaks(`${EVENTS} events were not enough`);
    for (const { request, settled } of sent.values())
      if (settled !== 1) breaks(`request ${request.id} is answered ${settled} times`);
    if (sent.size !== requests.length) breaks(`${sent.size} of ${requests.length} requests were sent`);
    if (stats.pending !== 0) breaks(`${stats.pending} requests are pending at the end`);
    if (!isDrained) breaks("draining does not end");
    return { drawn, requests: sent.size, outcomes, broken };
  } finally {
    time.restore();
  }
}
