/**
 * Loads in progress: at most one of a model, and their waits.
 *
 * A load waits for one other load at a time. That is the load of a dependency or, after its own model is ready, of an ensemble that follows
 * it. Waits in a circle would never end. A circle of dependencies is a fault of the models. In any other there is a load that waits for a
 * follower; it need not, and returns early.
 */

interface Wait {
  readonly on: string;
  /** Ends the wait; only a follower need not be waited for. */
  readonly release?: () => void;
}

export class RunningLoads {
  readonly #running = new Map<string, Promise<void>>();
  readonly #waits = new Map<string, Wait>();
  /** Ensembles that load and have checked their members; those of them with a member that has changed since. */
  readonly #checked = new Set<string>();
  readonly #outdated = new Set<string>();

  /** The load of a model that is in progress; rejects as it does. */
  of(key: string): Promise<void> | undefined {
    return this.#running.get(key);
  }

  has(key: string): boolean {
    return this.#running.has(key);
  }

  /**
   * @param work the load of a model that has none in progress
   * @param again checks an ensemble's members once more, for as long as they change meanwhile; never rejects
   */
  run(key: string, work: () => Promise<void>, again: () => Promise<void>): Promise<void> {
    const whole = async (): Promise<void> => {
      try {
        await work();
      } finally {
        while (this.#outdated.delete(key)) await again();
        this.#checked.delete(key);
        this.#running.delete(key);
      }
    };
    const promise = whole();
    this.#running.set(key, promise);
    return promise;
  }

  /** Whether models depend on each other in a circle: the load of `on` waits for `key`, and `key` is about to wait for it. */
  isCycle(key: string, on: string): boolean {
    return this.#circle(key, on)?.every(({ release }) => !release) ?? false;
  }

  /**
   * Waits for the load of a model that `key` depends on.
   * @returns false, and loads nothing, if that load waits for `key` since `isCycle` was called
   */
  async dependency(key: string, on: string, load: () => Promise<void>): Promise<boolean> {
    if (this.isCycle(key, on)) return false;
    for (const { release } of this.#circle(key, on) ?? []) release?.();
    this.#waits.set(key, { on });
    try {
      await load();
      return true;
    } finally {
      this.#waits.delete(key);
    }
  }

  /** Waits for an ensemble that follows the model `key`, as long as no load in progress needs `key` to go on. @param load never rejects */
  async follower(key: string, on: string, load: () => Promise<void>): Promise<void> {
    let wait: Wait | undefined;
    const released = new Promise<void>(resolve => {
      wait = { on, release: resolve };
    });
    this.#waits.set(key, wait!);
    await Promise.race([released, load()]);
    if (this.#waits.get(key) === wait) this.#waits.delete(key);
  }

  /** @param isChecked whether the load of an ensemble is past the check of its members: from then on a change of one is noticed */
  setChecked(key: string, isChecked: boolean): void {
    if (isChecked) this.#checked.add(key);
    else this.#checked.delete(key);
  }

  /** A member of an ensemble that loads has changed. */
  outdate(key: string): void {
    if (this.#checked.has(key)) this.#outdated.add(key);
  }

  /** The waits from `on` to `key`; undefined if `on` does not wait for it. */
  #circle(key: string, on: string): readonly Wait[] | undefined {
    const waits: Wait[] = [];
    for (let at = on; at !== key; ) {
      const wait = this.#waits.get(at);
      if (!wait || waits.includes(wait)) return undefined;
      waits.push(wait);
      at = wait.on;
    }
    return waits;
  }
}
