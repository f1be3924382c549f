/**
 * `merlon check --watch` on a real terminal (a pseudo-terminal of Python's). Keys and signals end it, between checks and in the middle of
 * one. The terminal's mode is restored, and no file is left behind.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MERLON } from "../needs/built.js";
import { python } from "../needs/python.js";

/** Runs a command on a terminal of its own, step by step; prints how it ended. */
const DRIVER = `
import fcntl, json, os, pty, select, signal, sys, termios, time
given = json.load(sys.stdin)
master, slave = pty.openpty()
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for number in range(3):
        os.dup2(slave, number)
    os.closerange(3, 64)
    os.environ.update(given["env"])
    os.execv(given["words"][0], given["words"])
said, status, end = "", None, time.time() + 50

def wait(what, done):
    global said, status
    while not done():
        if time.time() > end:
            os.kill(pid, signal.SIGKILL)
            raise SystemExit(f"{what} did not come: {said}")
        if master >= 0 and select.select([master], [], [], 0.02)[0]:
            said += os.read(master, 65536).decode("utf-8", "replace")
        else:
            time.sleep(0.005)
        if status is None:
            ended, code = os.waitpid(pid, os.WNOHANG)
            status = code if ended else None

# Keys come one by one on a terminal that is not in its usual mode.
is_raw = lambda: not termios.tcgetattr(slave)[3] & termios.ICANON
for name, value in (step if len(step) == 2 else [*step, None] for step in given["steps"]):
    if name == "says":
        wait(value, lambda: value in said)
    elif name == "raw":
        wait("raw mode", is_raw)
    elif name == "types":
        os.write(master, value.encode())
    elif name == "signal":
        os.kill(pid, getattr(signal, value))
    else:
        os.close(master)
        master = -1
wait("the end", lambda: status is not None)
code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else signal.Signals(os.WTERMSIG(status)).name
restored = master < 0 or termios.tcgetattr(slave) == before
json.dump({"ended": code, "restored": restored, "said": said}, sys.stdout)
`;

type Step = readonly ["says" | "types" | "signal" | "raw" | "hangs up", string?];

interface Ended {
  /** Exit code, or the signal's name. */
  readonly ended: number | string;
  readonly restored: boolean;
  readonly said: string;
}

/** @param seconds that the program takes to run */
async function watching(
  seconds: number,
  steps: readonly Step[],
): Promise<Ended & { readonly left: readonly string[] }> {
  const folder = mkdtempSync(join(tmpdir(), "merlon-watch-"));
  const temporary = join(folder, "tmp");
  mkdirSync(temporary);
  const file = join(folder, "slow.ensemble.ts");
  writeFileSync(
    file,
    `import { clip, ensemble, source } from "merlon";
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${seconds * 1000});
export default ensemble("slow", source({ x: "float32" })["x"] >> clip({ min: 0 }));
`,
  );
  const words = [process.execPath, MERLON, "check", "--watch", file];
  const ended = await new Promise<string>((resolve, reject) => {
    const driver = execFile(python(), ["-c", DRIVER], (error, out, err) =>
      error ? reject(new Error(err)) : resolve(out),
    );
    driver.stdin!.end(JSON.stringify({ words, env: { TMPDIR: temporary }, steps }));
  });
  return { ...(JSON.parse(ended) as Ended), left: readdirSync(temporary) };
}

const CLEARED = "\u001b[2J";
const IDLE: readonly Step[] = [["says", "q to quit."], ["raw"]];
/** The screen is cleared when a check begins; this one takes longer than any test. */
const CHECKING: readonly Step[] = [["says", CLEARED]];
const GOOD = { ended: 0, restored: true, left: [] };

describe("between checks", () => {
  test.each<readonly [string, Step]>([
    ["q", ["types", "q"]],
    ["Ctrl-C", ["types", "\u0003"]],
    ["Ctrl-D", ["types", "\u0004"]],
    ["SIGINT", ["signal", "SIGINT"]],
    ["SIGTERM", ["signal", "SIGTERM"]],
  ])("%s ends it", async (_, step) => {
    expect(await watching(0, [...IDLE, step])).toMatchObject(GOOD);
  });

  test.each<readonly [string, Step]>([
    ["SIGHUP", ["signal", "SIGHUP"]],
    ["a terminal that is closed", ["hangs up"]],
  ])("%s ends it by the signal, and the mode is restored", async (_, step) => {
    expect(await watching(0, [...IDLE, step])).toMatchObject({ ended: "SIGHUP", restored: true, left: [] });
  });

  test("other keys do not, and r checks again", async () => {
    const again: readonly Step[] = [
      ["types", "x"],
      ["types", "r"],
      ["says", `q to quit.\u001b[22m\r\n${CLEARED}`],
    ];
    const { said, ...ended } = await watching(0, [...IDLE, ...again, ["raw"], ["types", "q"]]);
    expect(ended).toEqual(GOOD);
    expect(said.split(": ensemble slow, ")).toHaveLength(3);
  });
});

describe("in the middle of a check", () => {
  test.each<readonly [string, Step, string]>([
    ["Ctrl-C", ["types", "\u0003"], "SIGINT"],
    ["SIGINT", ["signal", "SIGINT"], "SIGINT"],
    ["SIGTERM", ["signal", "SIGTERM"], "SIGTERM"],
    ["SIGHUP", ["signal", "SIGHUP"], "SIGHUP"],
  ])("%s ends it at once, by the signal", async (_, step, ended) => {
    const began = performance.now();
    expect(await watching(600, [...CHECKING, step])).toMatchObject({ ended, restored: true, left: [] });
    expect(performance.now() - began).toBeLessThan(45_000);
  });
});
