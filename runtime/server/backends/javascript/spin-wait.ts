/**
 * Polls for work for a moment before a thread sleeps, as long as that usually succeeds; a thread that mostly polls in vain sleeps at once.
 */

/** Where fewer looks than this succeed, sleeping is cheaper. */
const WORTHWHILE = 0.5;
/** Every so many times it is tried again. */
const RETRY = 16;

/**
 * @param ms how long to look
 * @param useful whether the other thread can run meanwhile
 * @returns a function that calls `look` until it finds something; false when it has found nothing
 */
export function createSpinWait(ms: number, useful: boolean): (look: () => boolean) => boolean {
  let success = 1;
  let skipped = 0;
  return look => {
    if (!useful || (success < WORTHWHILE && ++skipped < RETRY)) return look();
    skipped = 0;
    const until = performance.now() + ms;
    let found = look();
    while (!found && performance.now() < until) for (let i = 0; i < 20 && !found; i++) found = look();
    success += ((found ? 1 : 0) - success) / 8;
    return found;
  };
}
