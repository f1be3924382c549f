/** Debian's `redis-server`. `tests/runtime/stores/feast/redis-server.ts` starts it on loopback. */
import { type ChildProcess, spawn } from "node:child_process";

/** It ends with the process that starts it, also if that is killed. */
export const spawnRedis = (flags: readonly string[]): ChildProcess =>
  spawn("setpriv", ["--pdeathsig", "KILL", "redis-server", ...flags], { stdio: "ignore" });
