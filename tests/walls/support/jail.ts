/**
 * Runs a destructive script in a process of its own, with a private temporary folder and sentinel files around it. The whole jail is
 * compared before and after.
 */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Jail {
  /** Everything that belongs to the jail. */
  readonly root: string;
  /** TMPDIR of the script. */
  readonly temporary: string;
  readonly repository: string;
  /** Entries of the jail that were removed, changed or added since the last call of `settle`. */
  damage(): readonly string[];
  /** Takes the jail as it is for whole. */
  settle(): void;
  /** Runs a script beside this file, with the jail's paths as environment. */
  run(script: string, options?: { readonly timeoutMs?: number; readonly env?: Record<string, string> }): Ran;
  dispose(): void;
}

export interface Ran {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const SENTINEL = "untouched\n";
const MEMORY_MB = 768;

export function openJail(): Jail {
  const root = mkdtempSync(join(tmpdir(), "merlon-jail-"));
  const [temporary, repository] = [join(root, "inside", "tmp"), join(root, "inside", "repository")];
  for (const folder of [temporary, repository, join(root, "inside", "beside")]) mkdirSync(folder, { recursive: true });
  for (const folder of [root, join(root, "inside"), temporary, repository, join(root, "inside", "beside")])
    for (const name of ["sentinel", "1", "model.mjs"]) writeFileSync(join(folder, name), SENTINEL);
  let whole = snapshot(root);
  return {
    root,
    temporary,
    repository,
    damage() {
      const now = snapshot(root);
      const gone = [...whole].flatMap(([path, mark]) => (now.get(path) === mark ? [] : [`${path}: changed or gone`]));
      const made = [...now.keys()].flatMap(path => (whole.has(path) ? [] : [`${path}: new`]));
      return [...gone, ...made];
    },
    settle() {
      whole = snapshot(root);
    },
    run(script, { timeoutMs = 60_000, env = {} } = {}) {
      const ran: SpawnSyncReturns<string> = spawnSync(
        process.execPath,
        [`--max-old-space-size=${MEMORY_MB}`, fileURLToPath(new URL(script, import.meta.url))],
        {
          cwd: temporary,
          encoding: "utf8",
          timeout: timeoutMs,
          killSignal: "SIGKILL",
          maxBuffer: 2 ** 26,
          env: { ...process.env, TMPDIR: temporary, JAIL: root, REPOSITORY: repository, ...env },
        },
      );
      const { status, signal, stdout, stderr } = ran;
      return { status, signal, stdout, stderr };
    },
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Kind and content of every entry, by path. */
function snapshot(folder: string, below = "", found = new Map<string, string>()): Map<string, string> {
  for (const name of readdirSync(join(folder, below)).sort()) {
    const path = join(below, name);
    const stats = lstatSync(join(folder, path));
    if (stats.isDirectory()) {
      found.set(path, "folder");
      snapshot(folder, path, found);
    } else if (stats.isSymbolicLink()) found.set(path, `link ${readlinkSync(join(folder, path))}`);
    else if (stats.isFile())
      found.set(
        path,
        createHash("sha256")
          .update(readFileSync(join(folder, path)))
          .digest("hex"),
      );
    else found.set(path, `mode ${stats.mode}`);
  }
  return found;
}
