/**
 * `--cpu-affinity`: the processors of each worker. `taskset` of util-linux sets them, before the worker has threads.
 */
import { spawnSync } from "node:child_process";
import { invalid, type RuntimeFault } from "../../base/errors.js";
import { allowedProcessors, parseProcessors, printProcessors, threadEnvironment } from "../../base/processors.js";

/** One list for all workers to divide, or one for each. */
export type Affinity = readonly (readonly number[])[];

/** The part of the machine that a worker has. */
export interface WorkerPlace {
  /** Numbers of threads, by the variables that libraries read. */
  readonly env: Readonly<Record<string, string>>;
  /** undefined for those of the control process. */
  readonly processors?: readonly number[] | undefined;
}

const refuse = (text: string): RuntimeFault => invalid(`cpu-affinity: ${text}`);

/**
 * @param text `auto`, or lists as `0-3,8` separated by `:`
 * @param allowed processors of this process
 * @throws RuntimeFault for another text, and for a processor that this process may not use
 */
export function readAffinity(text: string, allowed: readonly number[] | undefined = allowedProcessors()): Affinity {
  if (allowed === undefined || allowed.length === 0)
    throw refuse("this system does not show the processors of a process; leave the flag out");
  if (text === "auto") return [allowed];
  return text.split(":").map(part => {
    const processors = parseProcessors(part);
    if (!processors) throw refuse(`auto, or processors such as 0-3,8, with : between workers; got '${text}'`);
    const others = processors.filter(one => !allowed.includes(one));
    if (others.length > 0)
      throw refuse(
        `this process may not use the processors ${printProcessors(others)}; its affinity and its control group allow ${printProcessors(allowed)}`,
      );
    return processors;
  });
}

/** The number of workers that `auto` means, before the quota of the control group. */
export const workersFor = (affinity: Affinity): number => (affinity.length > 1 ? affinity.length : affinity[0]!.length);

/**
 * The processors of each worker. One list is divided into parts of neighbors, whose sizes differ by one at most; with more workers than processors,
 * each gets one.
 * @throws RuntimeFault for a number of lists that is not the number of workers
 */
export function divideAffinity(affinity: Affinity, count: number): Affinity {
  if (affinity.length === count) return affinity;
  if (affinity.length > 1)
    throw refuse(`${affinity.length} lists for ${count} workers; name one list, or one for each worker`);
  const [all] = affinity as [readonly number[]];
  if (all.length <= count) return Array.from({ length: count }, (_, i) => [all[i % all.length]!]);
  return Array.from({ length: count }, (_, i) =>
    all.slice(Math.floor((i * all.length) / count), Math.floor(((i + 1) * all.length) / count)),
  );
}

/**
 * The part of the machine that each worker has: its processors, and as many threads.
 * @param usable processors of the whole server @throws RuntimeFault for lists of processors that do not fit the number of workers
 */
export function workerPlaces(affinity: Affinity | undefined, count: number, usable: number): readonly WorkerPlace[] {
  const sets = affinity && divideAffinity(affinity, count);
  const share = Math.max(1, Math.floor(usable / count));
  return Array.from({ length: count }, (_, i) => ({
    processors: sets?.[i],
    env: threadEnvironment(Math.min(share, sets?.[i]?.length ?? share), process.env),
  }));
}

/** @throws RuntimeFault if `taskset` is not installed */
export function requireTaskset(run: typeof spawnSync = spawnSync): void {
  if (run("taskset", ["--version"], { stdio: "ignore" }).status === 0) return;
  throw refuse("`taskset` is not installed; add the package util-linux, or leave the flag out");
}

/** The words that start a program on these processors; the first is a program of the path. */
export const onProcessors = (processors: readonly number[]): readonly [string, ...string[]] => [
  "taskset",
  "-c",
  printProcessors(processors),
];

/** Moves this process, with the threads that it has, to these processors. @throws RuntimeFault */
export function pinProcess(processors: readonly number[]): void {
  requireTaskset();
  const list = printProcessors(processors);
  const { status, stderr } = spawnSync("taskset", ["-a", "-c", "-p", list, String(process.pid)], { encoding: "utf8" });
  if (status !== 0) throw refuse(`the processors ${list} cannot be set: ${stderr.trim().split("\n").at(-1)}`);
}
