/**
 * Compiles runtime/server/memory/native, by which a server returns memory to the system, shares files with other servers, and ends its workers. Small C files without
 * dependencies, so a binary made here runs on any glibc of the same processor. Never a reason to stop: without it a server works and takes more memory.
 * Uses Node's own modules only.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SOURCES = ["allocator.c", "mapping.c", "parent.c"].map(name =>
  join(ROOT, "runtime", "server", "memory", "native", name),
);
const TARGET = join(ROOT, "build", "Release", `merlon-allocator-${process.platform}-${process.arch}.node`);

/**
 * @param {(line: string) => void} [log] where progress goes
 * @returns {boolean} whether the binding is there
 */
export function ensureAllocator(log = console.log) {
  if (process.platform !== "linux") return false;
  const changed = Math.max(...SOURCES.map(source => statSync(source).mtimeMs));
  if (existsSync(TARGET) && statSync(TARGET).mtimeMs >= changed) return true;
  const fail = reason => {
    // One that was made before, such as by another account, does.
    if (existsSync(TARGET)) return true;
    log(`allocator: ${reason}; servers take more memory, and answer the same.`);
    return false;
  };
  const headers = headersFolder();
  if (!headers) return fail("the npm package `node-api-headers` is not installed");
  try {
    mkdirSync(dirname(TARGET), { recursive: true });
  } catch (error) {
    return fail(error.message);
  }
  const partial = `${TARGET}.${process.pid}`;
  const args = ["-O2", "-shared", "-fPIC", "-DNAPI_VERSION=6", "-DNODE_GYP_MODULE_NAME=merlon_allocator"];
  let reason = "no C compiler was found (Debian: apt-get install gcc)";
  for (const compiler of ["cc", "gcc", "g++"]) {
    const words = [...args, "-x", "c", `-I${headers}`, ...SOURCES, "-o", partial];
    const { status, error, stderr } = spawnSync(compiler, words, { encoding: "utf8" });
    if (status === 0) {
      renameSync(partial, TARGET);
      return true;
    }
    if (!error) reason = stderr.split("\n")[0];
  }
  rmSync(partial, { force: true });
  return fail(reason);
}

function headersFolder() {
  const require = createRequire(import.meta.url);
  for (const base of require.resolve.paths("node-api-headers") ?? []) {
    const folder = join(base, "node-api-headers", "include");
    if (existsSync(folder)) return folder;
  }
  return undefined;
}

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  if (ensureAllocator()) console.log("allocator: compiled.");
}
