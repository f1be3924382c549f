/** Debian's `redis-server`. `tests/runtime/stores/feast/redis-server.ts` starts it on loopback. */
import { type ChildProcess, spawn } from "node:child_process";

export const spawnRedis = (flags: readonly string[]): ChildProcess => spawn("redis-server", flags, { stdio: "ignore" });
