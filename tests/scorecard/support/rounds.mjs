/**
 * Rounds of a measurement that count. A hypervisor that takes the cores for some milliseconds delays every request of that moment. Rounds are
 * chosen by the time that was stolen from them, and never by their latencies.
 */

/** Rounds that count. */
const ROUNDS = 3;
/** The same where the first ones are on both sides of the bar. */
const MANY = 7;
/** A round of which a larger part was stolen is void, and another is measured. */
const MOST_STOLEN = 0.01;
/** If these are not enough, the rounds count of which the least was stolen. */
const MOST_ROUNDS = 9;
/** The same for many. */
const MOST_OF_MANY = 15;

const quietOf = rounds => rounds.filter(({ stolen }) => stolen <= MOST_STOLEN);

/** @param rounds `{ stolen, ratio }` of each so far @param bar of the ratio */
export function areEnough(rounds, bar) {
  const quiet = quietOf(rounds);
  if (quiet.length < ROUNDS) return rounds.length >= MOST_ROUNDS;
  const below = quiet.filter(({ ratio }) => ratio <= bar).length;
  const agree = below === 0 || below === quiet.length;
  // Rounds that disagree need others, whichever side has more of them.
  return (agree && quiet.length === ROUNDS) || quiet.length >= MANY || rounds.length >= MOST_OF_MANY;
}

/** @returns `counted` rounds, an odd number of them, and the number of `voided` ones */
export function chooseRounds(rounds) {
  const quiet = quietOf(rounds).length;
  const count = Math.max(ROUNDS, quiet - ((quiet + 1) % 2));
  const counted = rounds.toSorted((a, b) => a.stolen - b.stolen).slice(0, count);
  return { counted, voided: rounds.length - counted.length };
}
