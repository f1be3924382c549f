/**
 * The descriptors that this process may have open, and how many of them connections may take.
 */
import { join } from "node:path";
import { KERNEL_FILES, type KernelFiles, readText } from "./control-group.js";

/** Descriptors that connections leave to files, models, logs, stores and links between workers. */
const RESERVE = 256;
/** Of a low limit they leave this part. */
const RESERVED_PART = 4;

export const RAISE_DESCRIPTORS =
  "raise the limit of open files: `ulimit -n`, LimitNOFILE= of systemd, --ulimit nofile= of Docker";

export interface Descriptors {
  /** The process's limit (`ulimit -n`), which Node raises to the hard limit. */
  readonly limit: number;
  readonly reserve: number;
}

/** @returns undefined where the system does not say it */
export function ownDescriptors({ proc }: Pick<KernelFiles, "proc"> = KERNEL_FILES): Descriptors | undefined {
  const [, text] = /^Max open files\s+(\d+)/m.exec(readText(join(proc, "self/limits")) ?? "") ?? [];
  if (text === undefined) return undefined;
  const limit = Number(text);
  return { limit, reserve: Math.min(RESERVE, Math.ceil(limit / RESERVED_PART)) };
}
