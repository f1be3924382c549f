/** Time that processes waited for a core, from the Linux scheduler. A busy machine differs by it from an infinite loop. */
import { readdirSync, readFileSync } from "node:fs";

const NS_PER_MS = 1e6;
/** Linux reports a process's CPU time in hundredths of a second. */
const MS_PER_TICK = 10;
/** Fields of `/proc/PID/stat` after the name: process group, user and system time. */
const [GROUP, USER, SYSTEM] = [2, 11, 12];

/** @returns milliseconds that the first thread of a process waited for a core; 0 if unknown */
export function waitedMs(pid = "self") {
  const [, waited = "0"] = textOf(`/proc/${pid}/schedstat`).split(" ");
  return Number(waited) / NS_PER_MS;
}

/** @returns milliseconds of CPU time of a process, and its group; undefined if it has ended */
export function cpuOf(pid) {
  const stat = textOf(`/proc/${pid}/stat`);
  if (!stat) return undefined;
  // The name may have spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { group: Number(fields[GROUP]), ms: (Number(fields[USER]) + Number(fields[SYSTEM])) * MS_PER_TICK };
}

/**
 * Follows the processes of a group, including ended ones.
 * @returns a function that sums CPU time and waiting time of its processes, in milliseconds
 */
export function groupClock(group) {
  const seen = new Map();
  return () => {
    for (const name of readdirSync("/proc")) {
      const cpu = /^\d+$/.test(name) ? cpuOf(name) : undefined;
      if (cpu?.group === group) seen.set(name, { cpu: cpu.ms, waited: waitedMs(name) });
    }
    const sumOf = key => [...seen.values()].reduce((sum, one) => sum + one[key], 0);
    return { cpu: sumOf("cpu"), waited: sumOf("waited") };
  };
}

function textOf(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
