/**
 * Finished requests over the last minutes, for the charts of the page: per interval how many there were, how many failed, and a histogram of
 * latencies. Memory is fixed: a ring of intervals for all requests, and one for each of a bounded number of models.
 */

export interface HistoryOptions {
  /** @default 5000 */
  readonly intervalMs?: number;
  /** @default 60 */
  readonly intervals?: number;
  /** Models with a ring of their own. @default 32 */
  readonly models?: number;
}

/** Counts of one interval; latencies in milliseconds, null without requests. */
export interface HistoryInterval {
  /** Unix milliseconds. */
  readonly start: number;
  readonly requests: number;
  readonly failures: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

export interface RequestHistory {
  readonly intervalMs: number;
  /** The oldest first; the last one is not over. */
  readonly intervals: readonly HistoryInterval[];
  /** The same counts of all intervals. */
  readonly whole: HistoryInterval;
}

export interface HistoryRecorder {
  /** @param now milliseconds of `performance.now()` */
  add(model: string, milliseconds: number, failed: boolean, now?: number): void;
  /** @param model all models if undefined @returns undefined for a model that is not recorded */
  read(model?: string, now?: number): RequestHistory | undefined;
}

/** Buckets grow by a twelfth of an octave, from 10 µs to 170 s: a quantile is off by 3 % at most. */
const PER_OCTAVE = 12;
const BUCKETS = 24 * PER_OCTAVE;
const LEAST_MS = 0.01;

export function createHistory(options: HistoryOptions = {}): HistoryRecorder {
  const { intervalMs = 5000, intervals = 60, models = 32 } = options;
  const all = new Ring(intervals);
  const rings = new Map<string, Ring>();
  const ringOf = (model: string, interval: number): Ring | undefined => {
    const known = rings.get(model);
    if (known) return known;
    // A model without requests in the window gives its place to another.
    if (rings.size >= models)
      for (const [name, ring] of rings) if (ring.newest <= interval - intervals) rings.delete(name);
    if (rings.size >= models) return undefined;
    const made = new Ring(intervals);
    rings.set(model, made);
    return made;
  };
  return {
    add(model, milliseconds, failed, now = performance.now()) {
      const interval = Math.floor(now / intervalMs);
      all.add(interval, milliseconds, failed);
      ringOf(model, interval)?.add(interval, milliseconds, failed);
    },
    read(model, now = performance.now()) {
      const ring = model === undefined ? all : rings.get(model);
      return ring?.read(Math.floor(now / intervalMs), intervalMs);
    },
  };
}

class Ring {
  readonly #size: number;
  readonly #requests: Uint32Array;
  readonly #failures: Uint32Array;
  /** The buckets of each interval; an interval has fewer requests than fit. */
  readonly #buckets: Uint32Array;
  /** Number of the latest interval with a request. */
  newest = Number.NEGATIVE_INFINITY;

  constructor(size: number) {
    this.#size = size;
    this.#requests = new Uint32Array(size);
    this.#failures = new Uint32Array(size);
    this.#buckets = new Uint32Array(size * BUCKETS);
  }

  add(interval: number, milliseconds: number, failed: boolean): void {
    this.#advance(interval);
    const at = interval % this.#size;
    this.#requests[at]!++;
    if (failed) this.#failures[at]!++;
    this.#buckets[at * BUCKETS + bucketOf(milliseconds)]!++;
  }

  /** Clears the intervals since the newest. */
  #advance(interval: number): void {
    const from = Math.max(this.newest + 1, interval - this.#size + 1);
    for (let i = from; i <= interval; i++) {
      const at = i % this.#size;
      this.#requests[at] = 0;
      this.#failures[at] = 0;
      this.#buckets.fill(0, at * BUCKETS, (at + 1) * BUCKETS);
    }
    this.newest = Math.max(this.newest, interval);
  }

  read(interval: number, intervalMs: number): RequestHistory {
    this.#advance(interval);
    const first = interval - this.#size + 1;
    const start = (i: number): number => performance.timeOrigin + i * intervalMs;
    const places = Array.from({ length: this.#size }, (_, n) => (((first + n) % this.#size) + this.#size) % this.#size);
    return {
      intervalMs,
      intervals: places.map((at, n) => this.#sum([at], start(first + n))),
      whole: this.#sum(places, start(first)),
    };
  }

  #sum(places: readonly number[], start: number): HistoryInterval {
    const buckets = new Float64Array(BUCKETS);
    let [requests, failures] = [0, 0];
    for (const at of places) {
      requests += this.#requests[at]!;
      failures += this.#failures[at]!;
      for (let i = 0; i < BUCKETS; i++) buckets[i]! += this.#buckets[at * BUCKETS + i]!;
    }
    const quantile = (part: number): number | null => (requests === 0 ? null : quantileOf(buckets, requests, part));
    return { start, requests, failures, p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) };
  }
}

const bucketOf = (milliseconds: number): number =>
  milliseconds > LEAST_MS ? Math.min(BUCKETS - 1, Math.floor(Math.log2(milliseconds / LEAST_MS) * PER_OCTAVE)) : 0;

/** The middle of the bucket that has it. */
function quantileOf(buckets: Float64Array, count: number, part: number): number {
  const rank = Math.min(count - 1, Math.floor(part * count));
  let seen = 0;
  for (let i = 0; i < BUCKETS; i++) {
    seen += buckets[i]!;
    if (seen > rank) return LEAST_MS * 2 ** ((i + 0.5) / PER_OCTAVE);
  }
  return LEAST_MS * 2 ** (BUCKETS / PER_OCTAVE);
}
