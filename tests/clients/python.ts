/**
 * Runs a Python script of this folder with the interpreter of `MERLON_TEST_PYTHON` and reads its JSON report.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** The interpreter that has `tests/requirements.txt` installed. */
export function python(): string {
  const path = process.env.MERLON_TEST_PYTHON;
  if (path) return path;
  throw new Error(
    "MERLON_TEST_PYTHON is not set: `npm test` sets it to the interpreter that has tests/requirements.txt installed",
  );
}

export async function runPython(script: string, args: readonly string[]): Promise<unknown> {
  const path = new URL(script, import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(python(), [path, ...args], { timeout: 110_000, maxBuffer: 2 ** 24 });
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}
