/**
 * The outcomes of one arm over its last requests → whether it is stopped. An arm stops if its share of failed requests, or of slow ones, is
 * above a limit. A key counts once in the window, with its last outcome: one user alone cannot stop an arm.
 */
import { type Clock, steadyNow, systemClock } from "../../runtime/base/clock.js";
import type { ArmOutcome } from "../../runtime/engine/schedule/kernel.js";
import type { ArmPeer, ArmShare } from "../../runtime/engine/schedule/shared-arms.js";
import type { Guardrail } from "./spec.js";

/** Bits of a shared outcome. */
const FAILED = 1;
const SLOW = 2;

/** The share of requests above their 99th percentile. */
const ABOVE_P99 = 0.01;

export class ArmGuard {
  readonly #limits: Guardrail;
  readonly #onStop: (reason: string | undefined) => void;
  readonly #share: ArmShare | undefined;
  /** A ring of the last keys, and their outcomes. */
  readonly #keys: Float64Array;
  readonly #failed: Uint8Array;
  readonly #slow: Uint8Array;
  readonly #placeOf = new Map<number, number>();
  #next = 0;
  #failures = 0;
  #slowOnes = 0;
  /** Time of `steadyNow` from which it serves again; infinite if only a load of the model starts it. */
  #until: number | undefined;
  #isStoppedByOther = false;

  /**
   * @param onStop called without a reason if the guard of another process or instance stopped the arm
   * @param share joins the guards of the same arm elsewhere: they have one window
   */
  constructor(
    limits: Guardrail,
    onStop: (reason: string | undefined) => void,
    share?: (peer: ArmPeer) => ArmShare,
    clock: Clock = systemClock,
  ) {
    this.#limits = limits;
    this.#onStop = onStop;
    this.#share = share?.({
      take: outcomes => this.#take(outcomes, steadyNow(clock)),
      stop: until => this.#stop(until, undefined),
    });
    this.#keys = new Float64Array(limits.window);
    this.#failed = new Uint8Array(limits.window);
    this.#slow = new Uint8Array(limits.window);
  }

  /** Whether the last stop was that of another guard. */
  get isStoppedByOther(): boolean {
    return this.#isStoppedByOther;
  }

  /** @param now time of `steadyNow` */
  isStopped(now: number): boolean {
    if (this.#until === undefined) return false;
    if (now < this.#until) return true;
    this.#until = undefined;
    this.#clear();
    return false;
  }

  /** @param key a number that its rows' key determines @param now time of `steadyNow` */
  note(key: number, { failed, done, milliseconds }: ArmOutcome, now: number): void {
    const { p99Ms } = this.#limits;
    const isSlow = p99Ms !== undefined && milliseconds > p99Ms;
    // The client may have cancelled a request that was not slow yet.
    if (this.#until !== undefined || (!failed && !done && !isSlow)) return;
    const flags = (failed ? FAILED : 0) + (isSlow ? SLOW : 0);
    this.#count(key, flags);
    this.#share?.noted(key, flags);
    const reason = this.#reason();
    if (reason === undefined) return;
    const { resumeSeconds } = this.#limits;
    const until = resumeSeconds === undefined ? Number.POSITIVE_INFINITY : now + 1000 * resumeSeconds;
    this.#stop(until, reason);
    this.#share?.stopped(until);
  }

  /** Outcomes of others count, and the guard of the next own outcome decides: an arm is stopped by one guard and not by each. */
  #take(outcomes: Float64Array, now: number): void {
    if (this.isStopped(now)) return;
    for (let i = 0; i < outcomes.length; i += 2) this.#count(outcomes[i]!, outcomes[i + 1]!);
  }

  #stop(until: number, reason: string | undefined): void {
    if (this.#until !== undefined) return;
    this.#until = until;
    this.#isStoppedByOther = reason === undefined;
    this.#onStop(reason);
  }

  #count(key: number, flags: number): void {
    const [failed, slow] = [flags & FAILED, (flags & SLOW) >> 1];
    const place = this.#placeFor(key);
    this.#failures += failed - this.#failed[place]!;
    this.#slowOnes += slow - this.#slow[place]!;
    this.#failed[place] = failed;
    this.#slow[place] = slow;
  }

  /** The place of a key in the ring: its own, or that of the oldest key. */
  #placeFor(key: number): number {
    const known = this.#placeOf.get(key);
    if (known !== undefined) return known;
    const place = this.#next;
    if (this.#placeOf.size === this.#limits.window) this.#placeOf.delete(this.#keys[place]!);
    this.#next = (place + 1) % this.#limits.window;
    this.#keys[place] = key;
    this.#placeOf.set(key, place);
    return place;
  }

  #reason(): string | undefined {
    const { errorRate, p99Ms, minimum } = this.#limits;
    const count = this.#placeOf.size;
    if (count < minimum) return undefined;
    if (errorRate !== undefined && this.#failures > errorRate * count)
      return `${this.#failures} of its last ${count} requests failed, and \`errorRate\` is ${errorRate}`;
    if (p99Ms !== undefined && this.#slowOnes > ABOVE_P99 * count)
      return `${this.#slowOnes} of its last ${count} requests took more than the ${p99Ms} ms of \`p99Ms\``;
    return undefined;
  }

  #clear(): void {
    this.#placeOf.clear();
    this.#failed.fill(0);
    this.#slow.fill(0);
    [this.#next, this.#failures, this.#slowOnes] = [0, 0, 0];
  }
}
