/**
 * The descriptors that this process may have open, and how many of them clients may take. The system gives a new descriptor the lowest free
 * number. So a high number means that all below it are in use, by files or by connections.
 */
import { join } from "node:path";
import { KERNEL_FILES, type KernelFiles, readText } from "./control-group.js";

/** Descriptors that connections leave to files, models, logs, stores and links between workers. */
const RESERVE = 256;
/** Connections leave this part of a low limit. */
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

const own = ownDescriptors();

/** Descriptors that the clients of one part of the server may have of the reserve. */
export const HALF_RESERVE = own ? Math.floor(own.reserve / 2) : RESERVE / 2;

/** Whether a descriptor that a client has caused is one of the reserve, or of its last half: close it. */
export const takesReserve = (descriptor: number, part: "all" | "half" = "all"): boolean =>
  own !== undefined && descriptor >= own.limit - (part === "half" ? HALF_RESERVE : own.reserve);

/** For messages. */
export const RESERVE_IS_LEFT = `all but ${own?.reserve} of ${own?.limit} descriptors are in use, and files, models and logs keep these; ${RAISE_DESCRIPTORS}`;
