/**
 * A child process that answers in lines.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** @returns `{ child, line(), write(text), exited, stop() }`; `line()` resolves with the next line, or undefined at the end */
export function startHelper(script, args, options = {}) {
  const child = spawn(process.execPath, [script, ...args.map(String)], {
    stdio: ["pipe", "pipe", "inherit"],
    ...options,
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exited = new Promise(done => child.once("exit", (code, signal) => done(signal ?? code)));
  child.stdin.on("error", () => {});
  return {
    child,
    exited,
    line: async () => (await lines.next()).value,
    write: text => child.stdin.write(`${text}\n`),
    async stop() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
