/**
 * Runs a few lines in a process of their own: a native part that crashes when it is loaded ends that process alone.
 */
import { execFile } from "node:child_process";

const LONGEST_MS = 20_000;

export type Outcome = { readonly value: unknown } | { readonly error: Error };

/**
 * @param code the body of an async function of `args`, in CommonJS; its result is JSON
 * @param env set beside the environment
 */
export function inChild(
  code: string,
  args: readonly string[],
  { env = {}, longestMs = LONGEST_MS }: { readonly env?: NodeJS.ProcessEnv; readonly longestMs?: number } = {},
): Promise<Outcome> {
  const program = `(async (...args) => { ${code} })(...process.argv.slice(1)).then(
    value => ({ value }),
    error => ({ error: { message: String(error?.message ?? error), code: error?.code, requireStack: error?.requireStack, stack: error?.stack } }),
  ).then(said => require("node:fs").writeSync(1, "\\n" + JSON.stringify(said)));`;
  const options = {
    env: { ...process.env, ...env },
    timeout: longestMs,
    killSignal: "SIGKILL",
    maxBuffer: 2 ** 24,
  } as const;
  return new Promise(resolve => {
    execFile(process.execPath, ["-e", program, ...args], options, (fault, stdout, stderr) => {
      const said = answerOf(stdout);
      if (said) resolve(said);
      else resolve({ error: new Error(endOf(fault, stderr, longestMs)) });
    });
  });
}

/** The last line; a native library may print before it. */
function answerOf(stdout: string): Outcome | undefined {
  try {
    const said = JSON.parse(stdout.slice(stdout.lastIndexOf("\n") + 1)) as { value?: unknown; error?: Error };
    return said.error ? { error: Object.assign(new Error(said.error.message), said.error) } : { value: said.value };
  } catch {
    return undefined;
  }
}

function endOf(
  fault: (Error & { readonly killed?: boolean; signal?: unknown }) | null,
  stderr: string,
  ms: number,
): string {
  if (fault?.killed) return `it did not end within ${ms / 1000} s`;
  if (fault?.signal) return `the process that loaded it ended by ${String(fault.signal)}`;
  return (
    stderr.trim().split("\n")[0] || fault?.message.split("\n")[0] || "the process that loaded it ended without a result"
  );
}
