/**
 * Repositories in buckets → local folders of the same models, and their refreshes.
 */
import { setTimeout as delay } from "node:timers/promises";
import { isBucketAddress, parseBucketAddress } from "./address.js";
import { openBucket } from "./bucket.js";
import { Mirror } from "./mirror.js";

export { isBucketAddress } from "./address.js";

export interface RemoteRepositories {
  /** In the order of the given ones; folders of this machine as they are. */
  readonly folders: readonly string[];
  /** One at a time; calls while one is under way share the next. @throws RuntimeFault */
  refresh(): Promise<void>;
  dispose(): Promise<void>;
}

/** @throws RuntimeFault for an address that is not one, and without the client's package */
export async function openRepositories(
  given: readonly string[],
  log: (text: string) => void,
): Promise<RemoteRepositories> {
  const addresses = given.map(text => (isBucketAddress(text) ? parseBucketAddress(text) : text));
  const mirrors: Mirror[] = [];
  const folders: string[] = [];
  for (const address of addresses)
    if (typeof address === "string") folders.push(address);
    else {
      const bucket = await openBucket(address);
      const mirror = new Mirror(bucket, address.prefix, text => log(`${bucket.name}/${address.prefix}: ${text}`));
      mirrors.push(mirror);
      folders.push(mirror.path);
    }
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  const refreshAll = async (): Promise<void> => {
    next = undefined;
    for (const mirror of mirrors) await mirror.refresh();
  };
  return {
    folders,
    refresh() {
      next ??= running = running.catch(() => {}).then(refreshAll);
      return next;
    },
    async dispose() {
      await running.catch(() => {});
      for (const mirror of mirrors) await mirror.dispose();
    },
  };
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

/** The first refresh, repeated until it succeeds. @param complain receives the reason of each failure */
export async function refreshUntilGood(refresh: () => Promise<void>, complain: (error: Error) => void): Promise<void> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, 2 * pause))
    try {
      await refresh();
      return;
    } catch (error) {
      complain(error as Error);
      await delay(pause);
    }
}
