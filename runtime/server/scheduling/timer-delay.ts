/**
 * Milliseconds that a timer takes: Node fires longer ones at once, and configurations and requests set up to 2^64 µs.
 */
const MAX_DELAY = 2 ** 31 - 1;

export const timerDelay = (milliseconds: number): number => Math.min(MAX_DELAY, milliseconds);
