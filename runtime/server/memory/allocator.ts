/**
 * Returns memory to the system after a peak. V8 collects only while something allocates, and glibc keeps freed blocks that are between
 * others. Without this the resident memory of an idle server stays at its peak.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { bufferPool, uncountedBuffers } from "../../base/memory/buffer-pool.js";
import type { MemoryBudget } from "../../base/memory/memory-budget.js";
import { residentBytes } from "../../base/memory/resident.js";
import type { AdjustExternalMemory } from "../../base/memory/uncounted-memory.js";
import { type Mapping, provideMapping } from "../../base/shared/mapping.js";
import type { ServerLog } from "../observe/server-log.js";

/** The binding of scripts/native-allocator.mjs. */
export interface Allocator extends Partial<Mapping> {
  /** Returns freed pages, on another thread. */
  trim(): Promise<boolean>;
  /** V8 counts these many bytes more of memory outside its heap, or fewer. */
  adjust?: AdjustExternalMemory;
  /** Maps a file for writing, in which another process reads the values of one that was killed. */
  openMarks?(path: string): ArrayBuffer | undefined;
  /** The kernel kills this process when its parent ends. @returns whether the system can */
  endWithParent?(): boolean;
}

const MIB = 2 ** 20;
/** How often resident memory is looked at, in milliseconds. */
const INTERVAL_MS = 1000;
/** Growth that is worth returning. */
const WORTH = 32 * MIB;
/**
 * Time until the next attempt. It doubles after each one that returned little: the rest is in use, or idle in a pool that frees it later.
 */
const AGAIN_MS = 5000;
const LATEST_AGAIN_MS = 600_000;
/**
 * If the charged memory changes by more than this between two samples, requests are a load. V8 then collects by itself, and a pause would
 * delay them.
 */
const BUSY = 4 * MIB;
/**
 * The same for the part of the time that the event loop works: small requests change no charged memory. Growth beyond `MUCH` does not wait,
 * since such a load may last for days.
 */
const BUSY_LOOP = 0.03;
const MUCH = 48 * MIB;
/** How long V8 takes to free collected buffers. */
const SWEEP_MS = 50;
/** V8 begins a collection where this many bytes of buffers were added since the last one. They are never written, so they are not resident. */
const ADDED = 65 * MIB;
/** Looks in a row that found the server quiet before it collects. */
const QUIET_LOOKS = 2;
/** A collection at once pauses about a millisecond per megabyte of live objects; larger heaps are left to V8. */
const LARGEST_HEAP = 128 * MIB;
/**
 * Number of samples whose smallest heap is an estimate of live data. Garbage may be most of the heap after a peak, and costs a collection
 * nothing.
 */
const HEAP_LOOKS = 60;
/** Under pressure requests are refused until memory is returned, so nothing waits for quiet; but not more often than this. */
const PRESSURE_MS = 2000;

export interface ReturnerOptions {
  readonly budget: Pick<MemoryBudget, "charged">;
  readonly log?: Pick<ServerLog, "hint">;
  /** Called when memory is returned for the first time. */
  readonly load?: () => Allocator | undefined;
  readonly intervalMs?: number;
  readonly againMs?: number;
  readonly resident?: () => number;
  /** Bytes that lie idle in the pool, which frees them by itself. */
  readonly idle?: () => number;
  /** Bytes of V8's heap in use, garbage included. */
  readonly heap?: () => number;
  /** Part of the time since the last call in which the event loop worked, 0 to 1. */
  readonly utilization?: () => number;
  readonly collect?: (way: Collection) => void;
}

/**
 * A way to collect V8's heap. `beside`: V8 marks beside the program, as it does by itself, and pauses it for a few milliseconds. `at-once` pauses
 * it for 30 to 60. `pages` does the same, and also frees empty pages, which V8 pools.
 */
export type Collection = "beside" | "at-once" | "pages";

/** Buffers that one collection finds are freed by the next. */
const QUIETLY: readonly Collection[] = ["beside", "beside"];
const AT_ONCE: readonly Collection[] = ["at-once", "pages"];

export interface MemoryReturner {
  /** Returns what can be returned now: resident memory is near the limit. */
  relieve(): void;
  stop(): void;
}

/** Watches the process, and returns memory when the server has become quiet after a peak. */
export function createMemoryReturner({
  budget,
  log,
  load = loadAllocator,
  intervalMs = INTERVAL_MS,
  againMs = AGAIN_MS,
  resident = residentBytes,
  idle = () => bufferPool.idle,
  heap = () => getHeapStatistics().used_heap_size,
  utilization = loopUtilization(),
  collect = collectGarbage,
}: ReturnerOptions): MemoryReturner {
  /** The last looks at the heap, the oldest first. */
  const heaps: number[] = [];
  /** The least resident memory so far. */
  let floor = resident();
  let last = floor;
  /** Resident memory without that of requests in progress and of the pool, which no attempt returns. */
  const unused = (): number => resident() - budget.charged - idle();
  /** The same after the last attempt. */
  let left = floor;
  let quiet = 0;
  let held = budget.charged;
  let allocator: Allocator | undefined;
  let next = 0;
  let wait = againMs;
  let relieved = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;

  /** @param read of this, growth is worth a collection */
  async function giveBack(ways: readonly Collection[], read: () => number): Promise<void> {
    const before = resident();
    allocator ??= load() ?? withoutBinding(log);
    // Often enough by itself, and without a pause.
    await allocator.trim();
    for (const way of ways) {
      if (read() - floor < WORTH || Math.min(heap(), ...heaps) > LARGEST_HEAP) break;
      collect(way);
      heaps.splice(0, heaps.length, heap());
      // V8 frees the memory of collected buffers on its own threads, for which it needs a moment.
      await new Promise<void>(resolve => setTimeout(resolve, SWEEP_MS).unref());
      await allocator.trim();
    }
    last = resident();
    left = unused();
    quiet = 0;
    const isWorth = before - last >= WORTH;
    wait = isWorth ? againMs : Math.min(LATEST_AGAIN_MS, 2 * wait);
    next = performance.now() + wait;
    if (isWorth)
      log?.hint("memory", `returned ${toMib(before - last)} MiB to the system; ${toMib(last)} MiB are resident`);
  }
  const start = (ways: readonly Collection[], read: () => number): void => {
    running ??= giveBack(ways, read).finally(() => {
      running = undefined;
    });
  };
  const look = (): void => {
    if (running) return;
    const now = resident();
    floor = Math.min(floor, now);
    heaps.push(heap());
    if (heaps.length > HEAP_LOOKS) heaps.shift();
    const grows = now > last + WORTH / 4;
    last = now;
    const { charged } = budget;
    const works = utilization() > BUSY_LOOP;
    const isLoad = Math.abs(charged - held) > BUSY;
    held = charged;
    const unusedNow = now - charged - idle();
    const growth = unusedNow - floor;
    quiet = growth < WORTH || grows || isLoad || (works && growth < MUCH) ? 0 : quiet + 1;
    // After a new peak or load nothing waits because an earlier attempt returned little.
    const isNew = unusedNow - left >= WORTH;
    if (isNew || isLoad) wait = againMs;
    if (isLoad) next = 0;
    // A pause is worth it only after an attempt without one returned little: large requests now and then would each be followed by one.
    const mayPause = !works && wait > againMs;
    if (quiet >= QUIET_LOOKS && (isNew || performance.now() >= next)) {
      start(mayPause ? [...QUIETLY, "pages"] : QUIETLY, unused);
    }
  };
  const timer = setInterval(look, intervalMs).unref();
  return {
    relieve() {
      const now = performance.now();
      if (running || now - relieved < PRESSURE_MS) return;
      relieved = now;
      start(AT_ONCE, resident);
    },
    stop: () => clearInterval(timer),
  };
}

function loopUtilization(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const before = last;
    last = performance.eventLoopUtilization();
    return performance.eventLoopUtilization(last, before).utilization;
  };
}

const toMib = (bytes: number): number => Math.round(bytes / MIB);

function withoutBinding(log: ReturnerOptions["log"]): Allocator {
  log?.hint(
    "memory",
    `the binding that returns freed memory to the system is not there, so a part of a peak stays resident: run \`node ${SCRIPT}\` once`,
  );
  return { trim: async () => false };
}

const SCRIPT = "node_modules/merlon/scripts/native-allocator.mjs";

type Collector = (options?: { readonly type: "major"; readonly flavor: "last-resort" }) => void;
let gc: Collector | undefined;

function collectGarbage(way: Collection): void {
  if (way === "beside") {
    try {
      // V8 has no function for this; only the size counts.
      new ArrayBuffer(ADDED);
    } catch {
      // No address space is left: V8 has collected before it threw.
    }
    return;
  }
  if (!gc) {
    // The only way to V8's collector that needs no flag of the command line.
    setFlagsFromString("--expose-gc");
    gc = runInNewContext("gc") as Collector;
  }
  if (way === "pages") {
    gc({ type: "major", flavor: "last-resort" });
    return;
  }
  // Buffers that one collection finds are freed by the next.
  gc();
  gc();
}

/** The binding, or undefined where it was not compiled or is of another system. */
export function loadAllocator(): Allocator | undefined {
  const name = `merlon-allocator-${process.platform}-${process.arch}.node`;
  try {
    const path = new URL(`../../../../build/Release/${name}`, import.meta.url);
    return createRequire(import.meta.url)(fileURLToPath(path)) as Allocator;
  } catch {
    return undefined;
  }
}

/**
 * V8 13 and later, of Node 24, end the process where the count is below zero. It is until an uncounted buffer that V8 has collected is counted.
 */
const mayBeNegative = Number.parseInt(process.versions.v8, 10) < 13;

/** Changes V8's count, or undefined where the binding or V8 can't. */
export const externalMemory = (): AdjustExternalMemory | undefined =>
  mayBeNegative ? loadAllocator()?.adjust : undefined;

/** From now on V8 does not count the buffers of requests that are in use. It collects less often, and not for requests that only wait. */
export const leaveBuffersUncounted = (): void => uncountedBuffers.use(externalMemory());

/**
 * Lets models share the large files that they read with those of other servers of this user, where the binding can.
 * @param isWorker one of several that serve the same models: they share unless `MERLON_SHARED=off`; others share with `MERLON_SHARED=on`
 */
export function shareFiles(isWorker: boolean): void {
  const { MERLON_SHARED: setting } = process.env;
  const shares = setting === "on" || (isWorker && setting !== "off");
  provideMapping(() => {
    const { openShared, lockFile } = (shares && loadAllocator()) || {};
    return openShared && lockFile && { openShared, lockFile };
  });
}
