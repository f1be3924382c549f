/**
 * Runs a Python script of this folder and reads its JSON report.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { python } from "../needs/python.js";

export async function runPython(script: string, args: readonly string[]): Promise<unknown> {
  const path = new URL(script, import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(python(), [path, ...args], { timeout: 110_000, maxBuffer: 2 ** 24 });
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}
