/**
 * The processors that this process may use, and the number of threads that libraries of one process compute with.
 */
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { cpuQuota, KERNEL_FILES, type KernelFiles, readText } from "./control-group.js";

/** Linux numbers its processors below this. */
const MOST_PROCESSORS = 8192;

/** `"0-2,8"` → `[0, 1, 2, 8]`, in ascending order, each once. @returns undefined for any other text */
export function parseProcessors(text: string): readonly number[] | undefined {
  const found = new Set<number>();
  for (const part of text.trim().split(",")) {
    const [, first, last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part) ?? [];
    if (first === undefined || Number(last) < Number(first) || Number(last) >= MOST_PROCESSORS) return undefined;
    for (let one = Number(first); one <= Number(last); one++) found.add(one);
  }
  return [...found].sort((a, b) => a - b);
}

/** `[0, 1, 2, 8]` → `"0-2,8"` */
export function printProcessors(processors: readonly number[]): string {
  const ranges: [first: number, last: number][] = [];
  for (const one of processors) {
    const range = ranges.at(-1);
    if (range && range[1] === one - 1) range[1] = one;
    else ranges.push([one, one]);
  }
  return ranges.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(",");
}

/** The affinity of this process, which includes the cpuset of its control group. @returns undefined where the system does not have it */
export function allowedProcessors({ proc }: Pick<KernelFiles, "proc"> = KERNEL_FILES): readonly number[] | undefined {
  const [, list] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readText(join(proc, "self/status")) ?? "") ?? [];
  return list === undefined ? undefined : parseProcessors(list);
}

/** Whole processors that this process may keep busy: the least of its affinity and its control group's quota; at least 1. */
export const usableProcessors = (available = availableParallelism(), quota = cpuQuota()): number =>
  Math.max(1, Math.floor(Math.min(available, quota ?? available)));

/** A number of threads in the environment. @returns undefined for anything that is not one */
export function threadsIn(env: NodeJS.ProcessEnv, name: string): number | undefined {
  const value = /^\d{1,4}$/.test(env[name] ?? "") ? Number(env[name]) : 0;
  return value > 0 ? value : undefined;
}

/** The environment variable for the number of threads that one process computes with. */
export const THREADS = "MERLON_THREADS";

/** Threads that a long computation of this process may use: `MERLON_THREADS`, or its processors. */
export const processThreads = (): number => threadsIn(process.env, THREADS) ?? usableProcessors();

/**
 * Threads of a large ONNX model.
 * @returns 0 for ONNX Runtime's own choice, the cores of the machine, if the process may use all of them
 */
export function onnxThreads(env: NodeJS.ProcessEnv = process.env, machine = cpus().length): number {
  const given = threadsIn(env, THREADS);
  if (given !== undefined) return given;
  const usable = usableProcessors();
  return usable < machine ? usable : 0;
}

/** libuv's pool also reads files, so that one long search must not take all of it. */
const LEAST_POOL = 2;
const LARGEST_POOL = 16;

/**
 * The environment of one of several processes that share a machine, so that their threads are as many as its processors.
 * OpenBLAS gets one thread: batches of searches are split over the processors before it is called.
 * @param processors of this process @param env variables in it win
 */
export function threadEnvironment(processors: number, env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const threads = threadsIn(env, THREADS) ?? processors;
  return {
    [THREADS]: String(threads),
    UV_THREADPOOL_SIZE: env.UV_THREADPOOL_SIZE ?? String(Math.min(LARGEST_POOL, Math.max(LEAST_POOL, threads))),
    OMP_NUM_THREADS: env.OMP_NUM_THREADS ?? String(threads),
    OPENBLAS_NUM_THREADS: env.OPENBLAS_NUM_THREADS ?? "1",
  };
}
