/** Numbers as the page prints them: durations in milliseconds everywhere, rates per second. */

/** @param value milliseconds; null or NaN if there is none */
export function printMs(value: number | null): string {
  if (value === null || Number.isNaN(value)) return "–";
  if (value < 0.01) return value <= 0 ? "0 ms" : "<0.01 ms";
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : printCount(value)} ms`;
}

export const printRate = (value: number): string =>
  `${value === 0 ? "0" : value < 1 ? Number(value.toPrecision(2)) : value < 10 ? value.toFixed(1) : printCount(value)} /s`;

export const printCount = (value: number): string => Math.round(value).toLocaleString("en-US");

export const printPart = (part: number, whole: number): string =>
  whole === 0 ? "–" : part === 0 ? "0 %" : `${((100 * part) / whole).toPrecision(2)} %`;

export const printTime = (unixMs: number): string => new Date(unixMs).toLocaleTimeString("en-GB");

export const printDuration = (seconds: number): string =>
  seconds % 60 === 0
    ? `${seconds / 60} min`
    : seconds >= 120
      ? `${(seconds / 60).toFixed(1)} min`
      : `${Math.round(seconds)} s`;

export const plural = (count: number, name: string): string => `${printCount(count)} ${name}${count === 1 ? "" : "s"}`;
