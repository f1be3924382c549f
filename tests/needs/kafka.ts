/** librdkafka's mock brokers of PyPI's confluent-kafka. `tests/runtime/server/exposures/kafka/cluster.ts` starts them on loopback. */
import { type ChildProcess, spawn } from "node:child_process";

/** @param script for the interpreter that has confluent-kafka @throws Error where no set-up has named the interpreter */
export function spawnKafka(script: string, flags: readonly string[]): ChildProcess {
  const python = process.env.MERLON_TEST_KAFKA;
  if (python) return spawn(python, [script, ...flags], { stdio: ["pipe", "pipe", "inherit"] });
  throw new Error(
    "MERLON_TEST_KAFKA is not set: `npm test` sets it to the interpreter that has confluent-kafka installed",
  );
}
