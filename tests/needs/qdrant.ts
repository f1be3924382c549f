/**
 * qdrant-client of PyPI: Qdrant's messages, generated from its OpenAPI document, and its local mode.
 * `tests/runtime/stores/databases/qdrant-server.ts` serves it on loopback.
 */
import { type ChildProcess, spawn } from "node:child_process";

/** @throws Error where no set-up has named the interpreter */
export function spawnQdrant(flags: readonly string[]): ChildProcess {
  const program = process.env.MERLON_TEST_QDRANT;
  if (program) return spawn(program, flags, { stdio: ["ignore", "pipe", "pipe"] });
  throw new Error(
    "MERLON_TEST_QDRANT is not set: `npm test` sets it to the interpreter that has qdrant-client installed",
  );
}
