/**
 * Rounds of a measurement that count. A hypervisor that takes the cores for some milliseconds delays every request of that moment. Rounds are
 * chosen by the time that was stolen from them, and never by their latencies.
 */

/** Rounds that count. */
const ROUNDS = 3;
/** A round of which a larger part was stolen is void, and another is measured. */
const MOST_STOLEN = 0.01;
/** If these are not enough, the rounds count of which the least was stolen. */
const MOST_ROUNDS = 9;

export const areEnough = rounds =>
  rounds.length === MOST_ROUNDS || rounds.filter(({ stolen }) => stolen <= MOST_STOLEN).length === ROUNDS;

/** @returns `counted` rounds and the number of `voided` ones */
export function chooseRounds(rounds) {
  const counted = rounds.toSorted((a, b) => a.stolen - b.stolen).slice(0, ROUNDS);
  return { counted, voided: rounds.length - counted.length };
}
