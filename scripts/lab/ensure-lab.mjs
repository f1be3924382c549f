// The lab's own Python environment in `.cache/lab-venv`: (packages beside it?) → path of its Python. Installed as anyone would install it.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureDebian, hash, once, ROOT, run, step } from "../setup.mjs";

/** MERLON_LAB_PYTHON names another one. */
export async function ensureLab() {
  if (process.env.MERLON_LAB_PYTHON) return process.env.MERLON_LAB_PYTHON;
  const folder = join(ROOT, ".cache", "lab-venv");
  const python = join(folder, "bin", "python");
  const key = hash(readFileSync(join(ROOT, "lab", "pyproject.toml"), "utf8"));
  const stamped = join(ROOT, ".cache", "setup", "lab-venv");
  if (existsSync(python) && existsSync(stamped) && readFileSync(stamped, "utf8") === key) return python;
  await step("Installing the lab with PyTorch (two or three minutes)", async () => {
    ensureDebian("The lab", ["python3"]);
    rmSync(folder, { recursive: true, force: true });
    run("python3", ["-m", "venv", folder]);
    run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-e", "lab[all,test]"]);
    await once("lab-venv", key, () => {});
  });
  return python;
}

/** MovieLens-100k ships inside `recbole`; its other needs are old and not wanted here. */
export function ensureMovieLens(python) {
  const here = spawnSync(python, ["-c", "from merlon_lab.movielens import data_folder; data_folder()"]).status === 0;
  if (!here)
    run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "recbole==1.2.1"]);
}
