/**
 * A bound on what a peer may do without use: a burst, and so much a second after it.
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

  /** @returns false when the budget is used up */
  spend(amount = 1): boolean {
    this.#spent += amount;
    // The clock is read only where it matters.
    if (this.#spent <= this.#burst) return true;
    const now = performance.now();
    this.#spent = Math.max(0, this.#spent - ((now - this.#since) * this.#perSecond) / 1000);
    this.#since = now;
    return this.#spent <= this.#burst;
  }

  /** Useful work pays for some that was not. */
  relieve(amount = 1): void {
    this.#spent = Math.max(0, this.#spent - amount);
  }
}
