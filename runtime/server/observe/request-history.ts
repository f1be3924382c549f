/**
 * Finished requests over the last minutes, for the charts of the page. Each interval has their number, the number of failed ones, and a
 * histogram of latencies. Memory is fixed: a ring of intervals for all requests, and one for each of a bounded number of models.
 */

export interface HistoryOptions {
  /** @default 5000 */
  readonly intervalMs?: number;
  /** @default 60 */
  readonly intervals?: number;
  /** Models with a ring of their own. @default 32 */
  readonly models?: number;
  /** Unix milliseconds from which intervals are numbered, by which those of several processes fit. @default the start of this process */
  readonly epochMs?: number;
}

/** The counts of a window; those of several processes can be added. */
export interface HistoryCounts {
  readonly intervalMs: number;
  /** Unix milliseconds of the first interval. */
  readonly start: number;
  /** By interval, the oldest first. */
  readonly requests: Uint32Array;
  readonly failures: Uint32Array;
  /** Latencies: the buckets of each interval. */
  readonly buckets: Uint32Array;
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
  /** The counts behind `read`. */
  counts(model?: string, now?: number): HistoryCounts | undefined;
}

/** Buckets grow by a twelfth of an octave, from 10 µs to 170 s: a quantile is off by 3 % at most. */
const PER_OCTAVE = 12;
const BUCKETS = 24 * PER_OCTAVE;
const LEAST_MS = 0.01;

export function createHistory(options: HistoryOptions = {}): HistoryRecorder {
  const { intervalMs = 5000, intervals = 60, models = 32, epochMs = performance.timeOrigin } = options;
  /** `performance.now()` at the epoch, at most 0. */
  const origin = epochMs - performance.timeOrigin;
  const intervalAt = (now: number): number => Math.floor((now - origin) / intervalMs);
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
  const recorder: HistoryRecorder = {
    add(model, milliseconds, failed, now = performance.now()) {
      const interval = intervalAt(now);
      all.add(interval, milliseconds, failed);
      ringOf(model, interval)?.add(interval, milliseconds, failed);
    },
    read(model, now) {
      const found = recorder.counts(model, now);
      return found && printHistory(found);
    },
    counts(model, now = performance.now()) {
      const found = (model === undefined ? all : rings.get(model))?.read(intervalAt(now));
      return found && { intervalMs, start: epochMs + found.first * intervalMs, ...found.counts };
    },
  };
  return recorder;
}

/** Sums of equal windows, each as late as the latest. @param all at least one */
export function addCounts(all: readonly HistoryCounts[]): HistoryCounts {
  const last = all.reduce((a, b) => (b.start > a.start ? b : a));
  const { intervalMs, start } = last;
  const [requests, failures, buckets] = [last.requests.slice(), last.failures.slice(), last.buckets.slice()];
  for (const one of all) {
    if (one === last) continue;
    const missing = Math.round((start - one.start) / intervalMs);
    for (let i = missing; i < requests.length; i++) {
      requests[i - missing]! += one.requests[i]!;
      failures[i - missing]! += one.failures[i]!;
    }
    for (let i = missing * BUCKETS; i < buckets.length; i++) buckets[i - missing * BUCKETS]! += one.buckets[i]!;
  }
  return { intervalMs, start, requests, failures, buckets };
}

export function printHistory(counts: HistoryCounts): RequestHistory {
  const { intervalMs, start, requests } = counts;
  const places = Array.from(requests, (_, i) => i);
  return {
    intervalMs,
    intervals: places.map(i => sumOf(counts, [i], start + i * intervalMs)),
    whole: sumOf(counts, places, start),
  };
}

function sumOf(counts: HistoryCounts, places: readonly number[], start: number): HistoryInterval {
  const buckets = new Float64Array(BUCKETS);
  let [requests, failures] = [0, 0];
  for (const at of places) {
    requests += counts.requests[at]!;
    failures += counts.failures[at]!;
    for (let i = 0; i < BUCKETS; i++) buckets[i]! += counts.buckets[at * BUCKETS + i]!;
  }
  const quantile = (part: number): number | null => (requests === 0 ? null : quantileOf(buckets, requests, part));
  return { start, requests, failures, p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) };
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

  /** @returns the number of the oldest interval, and copies in the order of time */
  read(interval: number): {
    readonly first: number;
    readonly counts: Pick<HistoryCounts, "requests" | "failures" | "buckets">;
  } {
    this.#advance(interval);
    const first = interval - this.#size + 1;
    const oldest = ((first % this.#size) + this.#size) % this.#size;
    const ordered = (ring: Uint32Array, width: number): Uint32Array => {
      const copy = new Uint32Array(ring.length);
      copy.set(ring.subarray(oldest * width));
      copy.set(ring.subarray(0, oldest * width), ring.length - oldest * width);
      return copy;
    };
    return {
      first,
      counts: {
        requests: ordered(this.#requests, 1),
        failures: ordered(this.#failures, 1),
        buckets: ordered(this.#buckets, BUCKETS),
      },
    };
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
