/**
 * Artificial delays: a distribution, as JSON or as a word on the command line → a function that draws milliseconds.
 */
import { z } from "zod";
import type { Random } from "./random.js";

const milliseconds = z.number().min(0);

/** Milliseconds: a constant, uniform between two bounds, or log-normal with that median and 99th percentile. */
export const delaySchema = z.union(
  [
    milliseconds,
    z.strictObject({ min: milliseconds, max: milliseconds }),
    z.strictObject({ p50: z.number().gt(0), p99: z.number().gt(0) }),
  ],
  { error: 'write milliseconds, {"min": 5, "max": 20} or {"p50": 20, "p99": 200}' },
);
export type Delay = z.infer<typeof delaySchema>;

/** The 99th percentile of the standard normal distribution. */
const Z99 = 2.3263478740408408;

export function drawDelay(delay: Delay, random: Random): number {
  if (typeof delay === "number") return delay;
  if ("min" in delay) return delay.min + (delay.max - delay.min) * random.next();
  const sigma = Math.log(Math.max(1, delay.p99 / delay.p50)) / Z99;
  const normal = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  return delay.p50 * Math.exp(sigma * normal);
}

/** `20`, `5..20` or `p50:20/p99:200`, in milliseconds; undefined for anything else. */
export function parseDelay(text: string): Delay | undefined {
  const number = "(\\d+(?:\\.\\d+)?)(?:ms)?";
  const one = new RegExp(`^${number}$`).exec(text);
  if (one) return Number(one[1]);
  const range = new RegExp(`^${number}\\.\\.${number}$`).exec(text);
  if (range && Number(range[1]) <= Number(range[2])) return { min: Number(range[1]), max: Number(range[2]) };
  const quantiles = new RegExp(`^p50:${number}/p99:${number}$`).exec(text);
  if (quantiles && Number(quantiles[1]) > 0 && Number(quantiles[2]) > 0)
    return { p50: Number(quantiles[1]), p99: Number(quantiles[2]) };
  return undefined;
}
