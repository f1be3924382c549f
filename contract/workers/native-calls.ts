/**
 * Calls of native code in worker threads. A thread that is terminated inside one ends the process: the binding then calls into a JavaScript
 * engine that no longer runs. Such a thread is therefore never terminated. It ends itself between two calls, and the process waits for the
 * call in flight before it ends.
 */

/** Places in the shared memory. */
const [CALLS, ENDING] = [0, 1];
/** Milliseconds that the end of the process waits for calls; after it the process is killed, which native code doesn't notice. */
const PATIENCE_MS = 10_000;

/** Memory in which a thread marks its calls. */
export type NativeCallsMemory = SharedArrayBuffer;

const threads = new Set<Int32Array>();

/** Call for each thread that calls native code. @returns memory to give to it, and `ended`, to be called when the thread has ended */
export function watchNativeCalls(): { readonly memory: NativeCallsMemory; ended(): void } {
  const memory = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  const cells = new Int32Array(memory);
  if (threads.size === 0) process.on("exit", waitForCalls);
  threads.add(cells);
  return {
    memory,
    ended() {
      threads.delete(cells);
      if (threads.size === 0) process.off("exit", waitForCalls);
    },
  };
}

/** In the thread: runs a call. It never returns when the process is about to end. */
export function nativeCall<T>(memory: NativeCallsMemory, call: () => T): T {
  const cells = new Int32Array(memory);
  Atomics.add(cells, CALLS, 1);
  try {
    if (Atomics.load(cells, ENDING) === 0) return call();
  } finally {
    Atomics.sub(cells, CALLS, 1);
    Atomics.notify(cells, CALLS);
  }
  for (;;) Atomics.wait(cells, ENDING, 1);
}

function waitForCalls(): void {
  const until = performance.now() + PATIENCE_MS;
  for (const cells of threads) Atomics.store(cells, ENDING, 1);
  for (const cells of threads)
    for (let calls = Atomics.load(cells, CALLS); calls > 0; calls = Atomics.load(cells, CALLS)) {
      const left = until - performance.now();
      if (left <= 0) process.kill(process.pid, "SIGKILL");
      Atomics.wait(cells, CALLS, calls, Math.max(1, left));
    }
}
