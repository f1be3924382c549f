import { readFileSync } from "node:fs";
import { elapse } from "../../run/wait.js";

/** Resolves when a process has nothing to do: it used no more than three hundredths of a second within 300 ms. */
export async function idle(pid: number): Promise<void> {
  const ticks = (): number => {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
    return Number(fields[11]) + Number(fields[12]);
  };
  for (let round = 0, before = ticks(); round < 60; round++) {
    await elapse(300);
    const now = ticks();
    if (now - before <= 3) return;
    before = now;
  }
}
