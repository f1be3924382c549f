/**
 * A token bucket: allows a burst, then a rate per second.
 */

export class TokenBucket {
  readonly #burst: number;
  readonly #perSecond: number;
  #spent = 0;
  #since = performance.now();

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
  }

  /** Takes tokens. @returns false if the bucket is empty */
  spend(amount = 1): boolean {
    this.#spent += amount;
    // The clock is read only if it matters.
    if (this.#spent <= this.#burst) return true;
    const now = performance.now();
    this.#spent = Math.max(0, this.#spent - ((now - this.#since) * this.#perSecond) / 1000);
    this.#since = now;
    return this.#spent <= this.#burst;
  }

  /** Returns tokens, for useful work. */
  relieve(amount = 1): void {
    this.#spent = Math.max(0, this.#spent - amount);
  }
}
