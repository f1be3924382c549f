/**
 * A heap that is too small: V8 aborts the process in the middle of its work, with a stack and without a way out.
 */
import { getHeapStatistics } from "node:v8";

const MIB = 2 ** 20;
/** V8's limit has its young generation, too, which `--max-old-space-size` does not count. */
const YOUNG = 48 * MIB;
/** MiB that commands need for the tutorial's shop, and a little more: TypeScript's checker takes most. */
const SERVER = 64;
const COMPILER = 128;
const COMPILING: ReadonlySet<string> = new Set([
  "build",
  "check",
  "evaluate",
  "explain",
  "fit",
  "transform",
  "tsc",
  "typegen",
  "verify",
]);

/** @returns a warning for a command, if the heap of this process is small */
export function heapWarning(
  command: string | undefined,
  limit = getHeapStatistics().heap_size_limit,
): string | undefined {
  const needed = command === "serve" ? SERVER : COMPILING.has(command ?? "") ? COMPILER : 0;
  const has = Math.round((limit - YOUNG) / MIB);
  if (needed === 0 || has >= needed) return undefined;
  return `warning: the heap may take ${has} MiB, and \`merlon ${command}\` needs at least ${needed}: V8 may abort the process. Give it more memory, or set NODE_OPTIONS=--max-old-space-size=${needed}`;
}
