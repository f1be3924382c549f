/**
 * The options of a server with several workers → the options of each worker. Limits of the server are divided among the workers.
 */
import { createHash } from "node:crypto";
import { invalid } from "../../base/errors.js";
import { defaultMemoryLimit } from "../../base/memory/memory-limit.js";
import { usableProcessors } from "../../base/processors.js";
import type { RunningServer, ServeOptions } from "../lifecycle/server-options.js";
import { USUAL_TRACING } from "../observe/tracing/tracer.js";

/** Ports whose connections workers serve; the others are the control process's. */
export type PortName = Exclude<keyof RunningServer["ports"], "faultAdmin" | "metrics">;

/** Options that a process can be sent. */
export type WorkerOptions = Omit<
  ServeOptions,
  "clock" | "cpuAffinity" | "middleware" | "onLoaded" | "refreshRepositories" | "workers" | "writeLog"
>;

/** Options that mean something in one process alone, and why. */
const ONE_PROCESS: Readonly<Partial<Record<keyof ServeOptions, string>>> = {
  middleware: "middleware is a function",
  clock: "a clock is a function",
  writeLog: "a writer of log lines is a function",
};

/** @throws RuntimeFault for options that several processes cannot share */
export function requireShareable(options: ServeOptions): void {
  for (const [name, why] of Object.entries(ONE_PROCESS)) {
    const value = options[name as keyof ServeOptions];
    if (value !== undefined && !(Array.isArray(value) && value.length === 0))
      throw invalid(`${why}, and several workers cannot share it: use --workers 1`);
  }
}

/** Numbers of recorded requests that one process may give. */
const IDS = 1e9;

const SEED_MASK = 2n ** 64n - 1n;

/** A worker's own sequence: no two workers draw alike, and a worker that takes the place of another draws as that did from its start. */
export function seedOf(seed: bigint, index: number): bigint {
  const hash = createHash("sha256")
    .update(`merlon worker ${seed & SEED_MASK} ${index}`)
    .digest();
  return hash.readBigUInt64LE(0);
}

/** A whole number's share: all shares together are the number. */
export const shareOf = (total: number, index: number, count: number): number =>
  Math.floor(total / count) + (index < total % count ? 1 : 0);

const ofAll = (total: number, count: number): number => (Number.isFinite(total) ? Math.floor(total / count) : total);

/** @param serial names the files of a worker that several cannot write together, and numbers its requests */
export function workerOptions(
  given: ServeOptions,
  { index, count, serial }: { readonly index: number; readonly count: number; readonly serial: number },
): WorkerOptions {
  const {
    clock: _clock,
    cpuAffinity: _affinity,
    middleware: _middleware,
    onLoaded: _onLoaded,
    refreshRepositories: _refresh,
    workers: _workers,
    writeLog: _writeLog,
    ...options
  } = given;
  const { cacheConfig, trace = USUAL_TRACING } = options;
  const localSize = cacheConfig?.local?.size;
  return {
    ...options,
    metrics: options.metrics === false ? false : { ...options.metrics, port: 0 },
    memoryLimit: ofAll(options.memoryLimit ?? defaultMemoryLimit(), count),
    ...(options.cacheSize && { cacheSize: ofAll(options.cacheSize, count) }),
    ...(localSize !== undefined && {
      cacheConfig: { ...cacheConfig, local: { ...cacheConfig!.local, size: String(ofAll(Number(localSize), count)) } },
    }),
    ...(options.recentRequests && { recentRequests: { ...options.recentRequests, lastId: serial * IDS } }),
    ...(options.exposures && { exposures: { ...options.exposures, worker: index } }),
    ...(options.seed !== undefined && { seed: seedOf(options.seed, index) }),
    trace: {
      ...trace,
      ...(trace.file && { file: `${trace.file}.worker-${serial}`, shownFile: trace.file }),
      settings: shareTraceCount(trace.settings, index, count),
    },
  };
}

function shareTraceCount<T extends { readonly count?: number }>(settings: T, index: number, count: number): T {
  return settings.count === undefined || settings.count < 0
    ? settings
    : { ...settings, count: shareOf(settings.count, index, count) };
}

/** Number of processors that this process may use; at least 1. @param quota of its control group, in processors */
export function workersOf(asked: number | "auto" | undefined, available: number, quota: number | undefined): number {
  if (asked === undefined) return 1;
  return asked === "auto" ? usableProcessors(available, quota ?? available) : asked;
}
