/** Runs Python as the lab does. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { labPython } from "../needs/lab.js";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Ended {
  readonly code: number;
  readonly said: string;
}

/** Runs Python in `lab/`, single-threaded; resolves with its output, for any exit code. */
export function runLab(args: readonly string[]): Promise<Ended> {
  const python = labPython();
  return new Promise((resolve, reject) => {
    const child = spawn(python, args, {
      cwd: join(ROOT, "lab"),
      env: { ...process.env, OMP_NUM_THREADS: "1", PYTHONPATH: join(ROOT, "lab") },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", text => {
        said += text;
      });
    child.on("error", reject);
    child.on("close", code => resolve({ code: code ?? 1, said }));
  });
}
