/**
 * Polls for work briefly before a thread sleeps, as long as that usually succeeds. A thread that mostly polls in vain sleeps at once.
 */

/** If a smaller share of polls succeeds, sleeping is cheaper. */
const WORTHWHILE = 0.5;
/** Retried at every n-th time. */
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
