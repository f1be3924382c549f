/** The clock of a group of processes that share one core. */
import { spawn } from "node:child_process";
import { expect, test, vi } from "vitest";
import { cpuOf, groupClock, waitedMs } from "./core-time.mjs";

const SPIN = "for (;;);";

/** A group of `count` processes that spin on the same core. */
function spinners(count: number) {
  const one = `"${process.execPath}" -e "${SPIN}" &`;
  return spawn("taskset", ["-c", "0", "sh", "-c", `${one.repeat(count)} wait`], { detached: true, stdio: "ignore" });
}

test("of two that share a core, the time with a core and the time without are counted for both", async () => {
  const group = spinners(2);
  try {
    const clock = groupClock(group.pid!);
    await vi.waitFor(() => expect(clock().cpu).toBeGreaterThan(300), { timeout: 50_000, interval: 50 });
    const { cpu, waited } = clock();
    // While one runs, the other waits. Linux counts CPU time in steps, and the wait when it ends.
    expect(waited).toBeGreaterThan(cpu / 4);
  } finally {
    process.kill(-group.pid!, "SIGKILL");
  }
});

test("a process that sleeps does not wait for a core, and one that has ended is known no more", async () => {
  const sleeper = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
  const ended = new Promise(done => sleeper.once("exit", done));
  try {
    await new Promise(done => sleeper.once("spawn", done));
    expect(cpuOf(sleeper.pid!)).toEqual({ group: sleeper.pid, ms: expect.any(Number) });
  } finally {
    sleeper.kill("SIGKILL");
  }
  await ended;
  expect(cpuOf(sleeper.pid!)).toBeUndefined();
  expect(waitedMs(String(sleeper.pid))).toBe(0);
});
