/** `npm run dev` starts a compiler and vitest, and leaves neither behind. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { ROOT } from "./graph.mjs";

const DEV = join(ROOT, "scripts", "dev.mjs");

test("--help says what it watches and how it ends", () => {
  const { status, stdout } = spawnSync(process.execPath, [DEV, "--help"], { encoding: "utf8" });
  expect(status).toBe(0);
  expect(stdout).toMatch(/^npm run dev \[-- PATTERN\]\n/);
  expect(stdout).toContain("Ctrl-C     ends it");
  expect(Math.max(...stdout.split("\n").map(line => line.length))).toBeLessThanOrEqual(80);
});

test.skipIf(process.platform !== "linux").each(["SIGINT", "SIGTERM"] as const)("%s leaves no process", async signal => {
  const dev = spawn(process.execPath, [DEV, "no-such-test"], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const children = (): string[] => {
    const list = `/proc/${dev.pid}/task/${dev.pid}/children`;
    return existsSync(list) ? readFileSync(list, "utf8").trim().split(" ").filter(Boolean) : [];
  };
  try {
    await vi.waitFor(() => expect(children()).toHaveLength(2), { timeout: 60_000, interval: 5 });
    const pids = children();
    dev.kill(signal);
    expect(await once(dev, "exit")).toEqual([0, null]);
    await vi.waitFor(() => expect(pids.filter(pid => existsSync(`/proc/${pid}`))).toEqual([]), { timeout: 10_000 });
  } finally {
    dev.kill("SIGKILL");
  }
});
