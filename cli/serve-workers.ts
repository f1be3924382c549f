/**
 * The number of processes of `merlon serve` without `--workers`: one a processor, unless one process is what the other flags are for.
 */
import { availableParallelism } from "node:os";
import { cpuQuota } from "../runtime/base/control-group.js";
import { defaultMemoryLimit } from "../runtime/base/memory/memory-limit.js";
import { usableProcessors } from "../runtime/base/processors.js";
import type { ServeOptions } from "../runtime/server/lifecycle/server-options.js";
import { missingForWorkers } from "../runtime/server/workers/permissions.js";

/** A worker takes up to 100 MB beside its models, and its part of the memory limit has to hold its requests. */
const BYTES_OF_A_WORKER = 2 ** 29;

export interface Machine {
  readonly processors: number;
  /** Bytes. */
  readonly memoryLimit: number;
  /** Flags of Node's permission model that several workers need and this process lacks. */
  readonly missingFlags: readonly string[];
}

export const thisMachine = (): Machine => ({
  processors: usableProcessors(availableParallelism(), cpuQuota()),
  memoryLimit: defaultMemoryLimit(),
  missingFlags: missingForWorkers(),
});

/**
 * Draws with a seed, recordings, stand-ins and faults are for tests: they depend on the order of requests, which one process has.
 * @param note prints a sentence about workers that the machine would have and Node does not allow
 * @returns whole number, at least 1; `"auto"` where the processors are named
 */
export function workersByDefault(
  options: ServeOptions,
  machine = thisMachine(),
  note: (text: string) => void = () => {},
): number | "auto" {
  const count = countForMachine(options, machine);
  if (count === 1 || machine.missingFlags.length === 0) return count;
  note(`1 worker: under Node's permission model, more than one needs ${machine.missingFlags.join(" ")} too`);
  return 1;
}

function countForMachine(options: ServeOptions, { processors, memoryLimit }: Machine): number | "auto" {
  const { seed, replay, mockMissing, mockStandIns, faults, faultAdminPort } = options;
  const isForTests =
    seed !== undefined ||
    replay !== undefined ||
    mockMissing === true ||
    mockStandIns === true ||
    (faults ?? []).length > 0 ||
    faultAdminPort !== undefined;
  if (isForTests) return 1;
  if (options.cpuAffinity !== undefined) return "auto";
  const byMemory = Math.floor((options.memoryLimit ?? memoryLimit) / BYTES_OF_A_WORKER);
  return Math.max(1, Math.min(processors, byMemory));
}
