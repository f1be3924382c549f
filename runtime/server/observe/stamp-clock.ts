/**
 * Microseconds since 1970 for the stamps of a log: never less than the stamp before. Node's wall clock has milliseconds, so its monotonic
 * clock adds the fractions. The two are aligned again when they differ.
 */

/** A larger step back means that the clock was set, and stamps follow it. Otherwise they would not advance for as long. */
const SET_BACK_MICROS = 1_000_000;

/** @param wall milliseconds since 1970, whole @param steady milliseconds of a monotonic clock, with fractions */
export function stampClock(wall = Date.now, steady = () => performance.now()): () => number {
  let ahead = Number.NaN;
  let last = 0;
  return () => {
    const now = wall();
    let exact = steady() + ahead;
    // Also true of NaN.
    if (!(exact >= now && exact < now + 1)) {
      ahead = now - steady();
      exact = now;
    }
    const micros = Math.floor(exact * 1000);
    if (micros > last || last - micros > SET_BACK_MICROS) last = micros;
    return last;
  };
}
