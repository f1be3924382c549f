/** Debian's PostgreSQL 17 with pgvector. `tests/runtime/stores/databases/postgres-server.ts` starts it on loopback. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync } from "node:fs";

const BIN = "/usr/lib/postgresql/17/bin";

/** PostgreSQL refuses to run as root: then it runs as the user that Debian's package made. */
function identity(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = ["-u", "-g"].map(flag => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" })));
  return { uid: uid!, gid: gid! };
}

/** Makes a cluster with the user `merlon` in an empty folder. */
export function initPostgres(folder: string, passwordFile: string): void {
  const { uid, gid } = identity();
  if (uid !== undefined) for (const path of [folder, passwordFile]) chownSync(path, uid, gid!);
  const flags = ["-D", folder, "-U", "merlon", "--auth=scram-sha-256", `--pwfile=${passwordFile}`, "--no-sync"];
  execFileSync(`${BIN}/initdb`, [...flags, "--encoding=UTF8", "--locale=C"], { stdio: "ignore", uid, gid });
}

export const spawnPostgres = (flags: readonly string[]): ChildProcess =>
  spawn(`${BIN}/postgres`, flags, { stdio: "ignore", ...identity() });
