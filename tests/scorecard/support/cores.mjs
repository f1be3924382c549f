/**
 * Places processes on cores. The server has one, and its clients and attackers another, as if on another machine. A client that waits for a
 * core behind an attacker is not late by the server's doing.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setPriority } from "node:os";

/** Numbers of the cores that this process may use, as `0-1,4` in /proc. */
export function allowedCores() {
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync("/proc/self/status", "latin1"))[1];
  return list.split(",").flatMap(range => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** Threads that a process starts later inherit its core. @returns whether it is there, which needs two cores and `taskset` */
function pin(pid, place) {
  const cores = allowedCores();
  return cores.length >= 2 && spawnSync("taskset", ["-a", "-c", "-p", String(cores[place]), String(pid)]).status === 0;
}

export const placeServer = pid => pin(pid, 0);

/** Attackers and other load take the time that good clients leave: one that wakes up takes the core at once. */
export function placeLoad(pid) {
  spawnSync("chrt", ["--all-tasks", "--idle", "--pid", "0", String(pid)]);
  return pin(pid, 1);
}

/** Good clients get a higher priority than this process has, if it may raise one. */
const GOOD = -15;

export function placeGoodClients(pid) {
  try {
    setPriority(pid, GOOD);
  } catch {
    // An ordinary user raises no priority.
  }
  return pin(pid, 1);
}
