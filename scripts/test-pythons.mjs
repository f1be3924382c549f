// The releases of Python that are here, each in a virtual environment with numpy: on the path, and where pyenv and uv keep theirs.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { once, pipInstall, ROOT, run, step } from "./setup.mjs";

const RELEASES = ["3.10", "3.11", "3.12", "3.13"];

/** Folders of installations, each with `bin/python3`. */
const INSTALLED = [
  join(process.env.PYENV_ROOT ?? join(homedir(), ".pyenv"), "versions"),
  join(homedir(), ".local", "share", "uv", "python"),
];

/** @returns the interpreter of this release that runs, not a launcher for others */
function interpreterOf(release) {
  const named = new RegExp(`^(cpython-)?${release.replace(".", "\\.")}\\.`);
  const kept = INSTALLED.filter(existsSync).flatMap(folder =>
    readdirSync(folder)
      .filter(name => named.test(name))
      .map(name => join(folder, name, "bin", "python3")),
  );
  return [`python${release}`, ...kept].find(command => {
    const { status, stdout } = spawnSync(command, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"], {
      encoding: "utf8",
    });
    return status === 0 && stdout.trim() === release;
  });
}

async function environmentOf(release) {
  const interpreter = interpreterOf(release);
  if (interpreter === undefined) return { missing: `no Python ${release} was found` };
  const folder = join(ROOT, ".cache", "test-pythons", release);
  const python = join(folder, "bin", "python");
  const key = `${interpreter} numpy`;
  try {
    if (!existsSync(python)) rmSync(join(ROOT, ".cache", "setup", `test-python-${release}`), { force: true });
    await once(`test-python-${release}`, key, () =>
      step(`Installing numpy for Python ${release}`, async () => {
        rmSync(folder, { recursive: true, force: true });
        run(interpreter, ["-m", "venv", folder]);
        await pipInstall(python, ["numpy"]);
      }),
    );
    return { python };
  } catch (error) {
    return { missing: `${interpreter} can't have numpy: ${error.message.split("\n").at(-1)}` };
  }
}

/** @returns release → `{ python }`, or `{ missing }` with the reason */
export async function findPythons() {
  const found = {};
  for (const release of RELEASES) found[release] = await environmentOf(release);
  return found;
}
