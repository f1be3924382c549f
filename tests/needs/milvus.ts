/** milvus-lite of PyPI: a server of Milvus' protocol. `tests/runtime/stores/databases/milvus-server.ts` starts it on loopback. */
import { type ChildProcess, spawn } from "node:child_process";

/** @throws Error where no set-up has named the program */
export function spawnMilvus(flags: readonly string[]): ChildProcess {
  const program = process.env.MERLON_TEST_MILVUS;
  if (program) return spawn(program, ["server", ...flags], { stdio: ["ignore", "ignore", "pipe"] });
  throw new Error("MERLON_TEST_MILVUS is not set: `npm test` sets it to the program of milvus-lite that it installed");
}
