/**
 * The default memory limit of a server: 75 % of what the process may use.
 */
import { readFileSync } from "node:fs";
import { totalmem } from "node:os";

const SHARE = 0.75;
/** The limits of cgroup v2 and v1, the nearest group first. */
const FILES = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/** @returns bytes */
export function defaultMemoryLimit(read: (file: string) => string = readText, machine = totalmem()): number {
  const limits = FILES.map(file => Number(attempt(() => read(file).trim()))).filter(bytes => bytes > 0);
  return Math.floor(SHARE * Math.min(machine, ...limits));
}

const readText = (file: string): string => readFileSync(file, "latin1");

function attempt(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
