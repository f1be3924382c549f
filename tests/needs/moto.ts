/** moto of PyPI: a server of S3's protocol. `tests/runtime/server/object-store/s3-server.ts` starts it on loopback. */
import { type ChildProcess, spawn } from "node:child_process";

/** @throws Error where no set-up has named the program */
export function spawnMoto(flags: readonly string[]): ChildProcess {
  const program = process.env.MERLON_TEST_MOTO;
  if (program) return spawn(program, flags, { stdio: ["ignore", "pipe", "pipe"] });
  throw new Error("MERLON_TEST_MOTO is not set: `npm test` sets it to the program of moto that it installed");
}
