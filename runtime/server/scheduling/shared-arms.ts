/**
 * The news of arms of this process → those of other processes, and back. Outcomes are sent in batches, and a stop at once, after the outcomes
 * before it.
 */
import type { ArmPeer, ArmShare } from "../../engine/schedule/shared-arms.js";

/** An arm of a served plan. */
export interface ArmName {
  readonly model: string;
  /** Version, plan, step and arm. */
  readonly arm: string;
}

export interface ArmNews extends ArmName {
  /** See `ArmPeer.take`. */
  readonly outcomes: Float64Array;
  /** The arm is stopped until then, as `steadyNow` has it. */
  readonly until?: number;
}

const SEND_MS = 100;
/** Outcomes that are sent at once. */
const MOST_WAITING = 1000;

export class SharedArms {
  readonly #send: (news: readonly ArmNews[]) => void;
  /** Guards of unloaded plans are collected. */
  readonly #peers = new Map<string, Set<WeakRef<ArmPeer>>>();
  readonly #waiting = new Map<string, { readonly name: ArmName; readonly outcomes: number[] }>();
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param send to all other processes of the server */
  constructor(send: (news: readonly ArmNews[]) => void) {
    this.#send = send;
  }

  join(name: ArmName, peer: ArmPeer): ArmShare {
    const key = keyOf(name);
    const peers = this.#peers.get(key) ?? new Set();
    for (const one of peers) if (!one.deref()) peers.delete(one);
    peers.add(new WeakRef(peer));
    this.#peers.set(key, peers);
    return {
      noted: (outcome, flags) => {
        this.#tellOthers(key, peer, other => other.take(Float64Array.of(outcome, flags)));
        this.#wait(key, name, outcome, flags);
      },
      stopped: until => {
        this.#tellOthers(key, peer, other => other.stop(until));
        this.#flush();
        this.#send([{ ...name, outcomes: new Float64Array(), until }]);
      },
    };
  }

  /** News of other processes. */
  take(news: readonly ArmNews[]): void {
    for (const { outcomes, until, ...name } of news)
      this.#tellOthers(keyOf(name), undefined, peer => {
        if (outcomes.length > 0) peer.take(outcomes);
        if (until !== undefined) peer.stop(until);
      });
  }

  #tellOthers(key: string, own: ArmPeer | undefined, tell: (peer: ArmPeer) => void): void {
    for (const one of this.#peers.get(key) ?? []) {
      const peer = one.deref();
      if (peer && peer !== own) tell(peer);
    }
  }

  #wait(key: string, name: ArmName, outcome: number, flags: number): void {
    const waiting = this.#waiting.get(key) ?? { name, outcomes: [] };
    this.#waiting.set(key, waiting);
    waiting.outcomes.push(outcome, flags);
    if (++this.#count >= MOST_WAITING) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), SEND_MS).unref();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#count === 0) return;
    this.#send(
      [...this.#waiting.values()].map(({ name, outcomes }) => ({ ...name, outcomes: Float64Array.from(outcomes) })),
    );
    this.#waiting.clear();
    this.#count = 0;
  }
}

const keyOf = ({ model, arm }: ArmName): string => `${model}\n${arm}`;
