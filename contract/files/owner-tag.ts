/**
 * Marks the files that a process leaves on disk with the process's identity, so that a later one can determine whether the owner still
 * runs. A process id alone does not do: it is used again, and each container has its own.
 */
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** The form of a tag, for names that contain one: machine, process id, start time. */
export const OWNER_TAG = "[0-9a-f]{8}\\.\\d+\\.\\d+";

const attempt = (read: () => string): string => {
  try {
    return read();
  } catch {
    return "";
  }
};

/** Equal for processes that see each other: one boot of one machine, and one namespace of process ids. */
const machineTag = (): string =>
  createHash("sha256")
    .update(hostname())
    .update(attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1")))
    .update(attempt(() => readlinkSync("/proc/self/ns/pid")))
    .digest("hex")
    .slice(0, 8);

interface ProcessStat {
  /** A letter of `proc(5)`. */
  readonly state: string;
  /** Clock ticks between the boot and its start; 0 if the system does not report them. */
  readonly started: string;
}

function statOf(pid: number): ProcessStat {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
  // The name of the program is in parentheses, and may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", started: /^\d+$/.exec(fields[19] ?? "")?.[0] ?? "0" };
}

let own: string | undefined;
let machine: string | undefined;

/** The tag of this process. */
export function ownerTag(): string {
  machine ??= machineTag();
  own ??= `${machine}.${process.pid}.${statOf(process.pid).started}`;
  return own;
}

/** Whether the process of a tag certainly ended. False for processes that cannot be seen from here. */
export function ownerIsGone(tag: string): boolean {
  const [from, pid, started] = tag.split(".");
  machine ??= machineTag();
  if (from !== machine) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  const { state, started: now } = statOf(Number(pid));
  // A zombie has ended, although its id stays until its parent collects its status.
  if (state === "Z" || state === "X") return true;
  return now !== "0" && started !== "0" && now !== started;
}
