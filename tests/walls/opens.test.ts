/**
 * Under strace: whatever names and paths a client sends, the server opens files of its repository, its temporary folder and its installation alone.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { STRACE } from "../needs/strace.js";
import { openJail } from "./support/jail.js";

const jail = openJail();
afterAll(() => jail.dispose());
const probe = spawnSync(STRACE, ["-f", "-qq", "-e", "trace=openat", "-o", "/dev/null", "true"], { encoding: "utf8" });
const why = probe.error
  ? "strace is not installed"
  : probe.status !== 0
    ? `strace cannot trace here: ${probe.stderr}`
    : "";

const INSTALLATION = fileURLToPath(new URL("../../", import.meta.url));
/** Read by Node and the C library while a server runs: nothing that a client names. */
const RUNNING = [/^\/proc\/(self|stat|meminfo|\d+\/(stat|status|task))/, /^\/sys\/(fs\/cgroup|devices\/system)\//];
/** Read as well when Node and ONNX Runtime start, as in the process of an uploaded graph. */
const STARTING = [
  /^\/(?:usr\/)?lib\/[\w-]+\/lib[\w+-]+\.so\.\d$/,
  /^\/etc\/(ld\.so\.cache|ssl\/openssl\.cnf)$/,
  /^\/proc\/(version_signature|cpuinfo|sys\/vm\/overcommit_memory)$/,
  /^\/sys\/bus\/pci\/devices(\/[\da-f:.]+\/class)?$/,
  /^\/dev\/null$/,
];
const SYSTEM = [...RUNNING, ...STARTING];

test("no open outside the repository, the temporary folder and the installation", ({ skip }) => {
  skip(why !== "", why);
  const trace = join(jail.root, "trace");
  const script = fileURLToPath(new URL("support/hostile-opens.mjs", import.meta.url));
  const ran = spawnSync(
    STRACE,
    // biome-ignore format: a command
    ["-f", "-qq", "-s", "8192", "-e", "trace=open,openat,openat2,creat,unlink,unlinkat,rmdir,rename,renameat2", "-o", trace, process.execPath, "--max-old-space-size=768", script],
    {
      cwd: jail.temporary,
      encoding: "utf8",
      timeout: 150_000,
      killSignal: "SIGKILL",
      env: { ...process.env, TMPDIR: jail.temporary, JAIL: jail.root, REPOSITORY: jail.repository },
    },
  );
  expect(ran, ran.stderr).toMatchObject({ status: 0, signal: null });
  const { sent, status } = JSON.parse(ran.stdout) as { sent: number; status: number };
  expect(status).toBe(200);
  expect(sent).toBeGreaterThan(400);
  const lines = readFileSync(trace, "utf8").split("\n");
  const begin = lines.findIndex(line => line.includes('inside/tmp/begin"'));
  const end = lines.findIndex(line => line.includes('inside/tmp/end"'));
  expect(begin).toBeGreaterThan(0);
  expect(end).toBeGreaterThan(begin);
  const paths = lines.slice(begin, end).flatMap(pathsOf);
  // The uploads were written, and the configurations of the repository read.
  expect(paths.filter(path => path.startsWith(join(jail.temporary, "merlon-override-"))).length).toBeGreaterThan(50);
  expect(paths.filter(path => path.startsWith(join(jail.repository, "echo_int32"))).length).toBeGreaterThan(50);
  const inside = [jail.repository, jail.temporary, INSTALLATION, dirname(realpathSync(process.execPath))];
  const outside = paths.filter(
    path => !inside.some(folder => isBelow(path, folder)) && !SYSTEM.some(known => known.test(path)),
  );
  expect([...new Set(outside)]).toEqual([]);
}, 160_000);

const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(join(folder, "/"));

/** Paths of a call, as the process sees them. */
function pathsOf(line: string): string[] {
  if (!/^\d+ +\w+\(/.test(line)) return [];
  return [...line.matchAll(/(AT_FDCWD, |\()"((?:[^"\\]|\\.)*)"/g)].map(([, , text]) =>
    text!.startsWith("/") ? join(text!) : join(jail.temporary, text!),
  );
}
