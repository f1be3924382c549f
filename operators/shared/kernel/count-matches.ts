import type { JoinCounters } from "../../../runtime/engine/schedule/kernel.js";

/** @param places of the rows' matches, below 0 without one */
export function countMatches(counters: JoinCounters, places: ArrayLike<number>): void {
  counters.rows += places.length;
  for (let i = 0; i < places.length; i++) if (places[i]! >= 0) counters.matched++;
}
