/** The Python environment that the lab's tests run in: `npm test` makes it in `.cache/lab-venv`. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PYTHON = process.env.MERLON_LAB_PYTHON ?? join(ROOT, ".cache", "lab-venv", "bin", "python");

export interface Ended {
  readonly code: number;
  readonly said: string;
}

/** Runs Python in `lab/`, single-threaded; resolves with what it said, whatever the exit code. */
export function runLab(args: readonly string[]): Promise<Ended> {
  if (!existsSync(PYTHON))
    throw new Error(
      `${PYTHON} is not there. \`npm test\` installs the lab; or name a Python that has it in MERLON_LAB_PYTHON.`,
    );
  return new Promise((resolve, reject) => {
    const child = spawn(PYTHON, args, {
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
