/**
 * Counts the requests that still need a version after a newer one has replaced it. They leased it when they began, and may call it again.
 */

export interface VersionRefcount {
  /** Adds a reference. @returns false once the version is being unloaded: it does not wait for new requests */
  acquire(): boolean;
  /** Adds a reference on behalf of a request that has one, and may be unloading already. */
  retain(): void;
  /** Drops a reference: once for each `acquire` that returned true and each `retain`. */
  release(): void;
  /** Refuses new references. Resolves when all are released. */
  drained(): Promise<void>;
}

export function createRefcount(): VersionRefcount {
  let count = 0;
  let closing = false;
  const waiting: (() => void)[] = [];
  return {
    acquire() {
      if (!closing) count++;
      return !closing;
    },
    retain() {
      count++;
    },
    release() {
      if (--count === 0) for (const resolve of waiting.splice(0)) resolve();
    },
    drained() {
      closing = true;
      return count === 0 ? Promise.resolve() : new Promise(resolve => waiting.push(resolve));
    },
  };
}
