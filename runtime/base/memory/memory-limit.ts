/**
 * The default memory limit of a server: 75 % of the memory available to the process.
 */
import { totalmem } from "node:os";

const SHARE = 0.75;

/**
 * @param constrained the limit of the process's control group in bytes; 0 or more than the machine has if there is none
 * @returns bytes
 */
export function defaultMemoryLimit(constrained = process.constrainedMemory(), machine = totalmem()): number {
  return Math.floor(SHARE * (constrained > 0 ? Math.min(constrained, machine) : machine));
}
