/**
 * Bounds of CPU time on a machine that others share. Other work only adds to a measured time, so the least of some attempts estimates the
 * cost of a request. A time over its bound is divided by the machine's slowness at that moment: fixed work shows it.
 *
 * @example
 * await expectWithin(() => target.measure(() => target.post(path, body)), { cpuMs: 107, stallMs: 50 });
 */
import { expect } from "vitest";

type Measured = Readonly<Record<"cpuMs" | "stallMs" | "peakMb", number>>;
/** Each is exclusive. */
export type Bounds = Partial<Measured>;
const TIMES = ["cpuMs", "stallMs"] as const;

const ATTEMPTS = 6;
/** CPU time of the fixed work on the machine that the bounds were stated on: the median of 160 runs, of 55 to 184 ms. */
const FIXED_WORK_MS = 70;
const RECORDS = 60_000;
const NUMBERS = 2 ** 20;

/** JSON and numbers in more memory than caches hold, as requests have them. */
function fixedWork(text: string): number {
  let sum = 0;
  for (let i = 0; i < 2; i++) sum += (JSON.parse(text) as unknown[]).length;
  const numbers = new Float64Array(NUMBERS);
  let state = 1;
  for (let i = 0; i < NUMBERS; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    numbers[i] = state;
  }
  for (let i = 0, at = 0; i < NUMBERS; i++) {
    at = (at + numbers[i]!) & (NUMBERS - 1);
    sum += numbers[at]!;
  }
  return sum;
}

let records: string | undefined;

/** How many times longer this machine takes now than the one that the bounds were stated on; at least 1. */
export function slowness(): number {
  records ??= JSON.stringify(Array.from({ length: RECORDS }, (_, i) => ({ id: i, value: i / 7, name: `n${i}` })));
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 3; i++) {
    const before = process.cpuUsage();
    fixedWork(records);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return Math.max(1, least / FIXED_WORK_MS);
}

/**
 * Measures until an attempt has been within each bound of time. Memory is not the machine's to add to: its bound holds at every attempt.
 * @throws AssertionError with the least times, after six attempts
 */
export async function expectWithin<Cost extends Measured>(
  measure: () => Promise<Cost>,
  bounds: Bounds,
  slow: () => number = slowness,
): Promise<void> {
  const least = { cpuMs: Number.POSITIVE_INFINITY, stallMs: Number.POSITIVE_INFINITY };
  const isOver = (): boolean => TIMES.some(time => bounds[time] !== undefined && least[time] >= bounds[time]);
  const seen: string[] = [];
  for (let attempt = 0; attempt < ATTEMPTS && isOver(); attempt++) {
    const cost = await measure();
    if (bounds.peakMb !== undefined) expect(cost.peakMb).toBeLessThan(bounds.peakMb);
    const isSlow = TIMES.some(time => bounds[time] !== undefined && cost[time] >= bounds[time]);
    const times = isSlow ? slow() : 1;
    for (const time of TIMES) least[time] = Math.min(least[time], cost[time] / times);
    seen.push(`${cost.cpuMs.toFixed(0)} ms, ${cost.stallMs.toFixed(0)} ms without a turn, ×${times.toFixed(2)}`);
  }
  for (const time of TIMES)
    if (bounds[time] !== undefined) expect(least[time], `${time}: ${seen.join("; ")}`).toBeLessThan(bounds[time]);
}
