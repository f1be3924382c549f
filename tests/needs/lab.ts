/** The Python environment of the lab, with PyTorch: `npm test` makes it in `.cache/lab-venv`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../run/graph.mjs";

/** @returns the interpreter @throws Error where there is none */
export function labPython(): string {
  const path = process.env.MERLON_LAB_PYTHON ?? join(ROOT, ".cache", "lab-venv", "bin", "python");
  if (existsSync(path)) return path;
  throw new Error(
    `${path} is not there. \`npm test\` installs the lab; or name a Python that has it in MERLON_LAB_PYTHON.`,
  );
}
