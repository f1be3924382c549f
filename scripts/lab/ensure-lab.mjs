// The lab's own Python environment in `.cache/lab-venv`: (packages beside it?) → path of its Python. Installed as anyone would install it.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureDebian, hash, once, pipInstall, ROOT, run, step } from "../setup.mjs";

/** @param installs lists of `pip install` arguments, in order */
async function ensureEnvironment(name, title, installs) {
  const folder = join(ROOT, ".cache", name);
  const python = join(folder, "bin", "python");
  const key = hash(readFileSync(join(ROOT, "lab", "pyproject.toml"), "utf8"), JSON.stringify(installs));
  const stamped = join(ROOT, ".cache", "setup", name);
  if (existsSync(python) && existsSync(stamped) && readFileSync(stamped, "utf8") === key) return python;
  await step(title, async () => {
    ensureDebian("The lab", ["python3"]);
    rmSync(folder, { recursive: true, force: true });
    run("python3", ["-m", "venv", folder]);
    for (const packages of installs) await pipInstall(python, packages);
    await once(name, key, () => {});
  });
  return python;
}

/** MERLON_LAB_PYTHON names another one. */
export const ensureLab = async () =>
  process.env.MERLON_LAB_PYTHON ??
  ensureEnvironment("lab-venv", "Installing the lab with PyTorch (two or three minutes)", [["-e", "lab[all,test]"]]);

/**
 * The lab beside RecBole 1.2.1 and DeepCTR-Torch. RecBole's own pins are older than Python 3.11's packages, so its imports are listed here
 * instead. pandas 3 breaks it.
 */
export const ensureRecBole = () =>
  ensureEnvironment("recbole-venv", "Installing the lab and RecBole (three minutes)", [
    [
      "-e",
      "lab[all]",
      "pandas==2.2.3",
      "colorama",
      "colorlog",
      "plotly",
      "psutil",
      "pyyaml",
      "scikit-learn",
      "tabulate",
      "tensorboard",
      "texttable",
    ],
    ["--no-deps", "recbole==1.2.1", "thop==0.1.1.post2209072238", "deepctr-torch==0.3.0"],
  ]);

/** MovieLens-100k is part of `recbole`, whose other dependencies are old and not needed here. */
export async function ensureMovieLens(python) {
  const here = spawnSync(python, ["-c", "from merlon_lab.movielens import data_folder; data_folder()"]).status === 0;
  if (!here) await pipInstall(python, ["--no-deps", "recbole==1.2.1"]);
}
