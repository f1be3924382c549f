/**
 * Reads a process' CPU time and memory from Linux's /proc.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";

/** Clock ticks of `/proc/stat`, a hundred a second on every platform of Linux. */
const TICK_MS = 10;

/** Milliseconds of all cores in which a hypervisor ran other machines although this one had work; zero on a machine of its own. */
const stolenMs = () => Number(/^cpu\s.*$/m.exec(readFileSync("/proc/stat", "latin1"))[0].split(/\s+/)[8]) * TICK_MS;

/** Starts to count. @returns a function: part of the cores' time that was stolen since */
export function watchStolen() {
  const [began, before] = [performance.now(), stolenMs()];
  return () => (stolenMs() - before) / (performance.now() - began) / cpus().length;
}

/** CPU time of all living threads, in microseconds; a thread that runs now counts up to its last clock tick. */
export function cpuMicros(pid) {
  let nanoseconds = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "latin1").split(" ", 1)[0]);
    } catch {
      // The thread has ended since the folder was read.
    }
  return nanoseconds / 1000;
}

/** Zero of a process that has ended. */
const kilobytes = (pid, name) => {
  let text;
  try {
    text = readFileSync(`/proc/${pid}/status`, "latin1");
  } catch {
    return 0;
  }
  const at = text.indexOf(name);
  return at === -1 ? 0 : Number.parseInt(text.slice(at + name.length + 1), 10);
};

/** Resident memory in megabytes. */
export const residentMb = pid => kilobytes(pid, "VmRSS") / 1024;

/** The largest resident memory since the start or the last `resetPeak`, in megabytes. */
export const peakMb = pid => kilobytes(pid, "VmHWM") / 1024;

export const resetPeak = pid => writeFileSync(`/proc/${pid}/clear_refs`, "5");
