/**
 * Folders that go with their process: where a signal or `process.exit` ends it before their handles are disposed, they are removed first. While there are none,
 * signals end the process as they do without this module, also in the middle of synchronous work.
 */

const live = new Map<object, () => void>();
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Marks the handlers of this module: a process may have it twice, in the bundle and as a file. */
const OWN = Symbol.for("merlon.live-folders");

function removeAll(): void {
  for (const [handle, remove] of live) {
    live.delete(handle);
    try {
      remove();
    } catch {
      // The next run of the program removes what is left.
    }
  }
}

/** Other handlers of the signal end the process in their own order, and dispose of their resources. */
const onSignal = Object.assign(
  (signal: NodeJS.Signals): void => {
    if (process.listeners(signal).some(listener => !(OWN in listener))) return;
    removeAll();
    unwatch();
    process.kill(process.pid, signal);
  },
  { [OWN]: true },
);

function watch(): void {
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on("exit", removeAll);
}

function unwatch(): void {
  for (const signal of SIGNALS) process.off(signal, onSignal);
  process.off("exit", removeAll);
}

/** @param remove removes the folder, synchronously */
export function addLiveFolder(handle: object, remove: () => void): void {
  if (live.size === 0) watch();
  live.set(handle, remove);
}

export function deleteLiveFolder(handle: object): void {
  if (live.delete(handle) && live.size === 0) unwatch();
}
