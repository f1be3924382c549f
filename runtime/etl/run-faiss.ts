/** Runs FAISS in a process of its own: it ends the process on some faults. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { internal } from "../base/errors.js";

/**
 * @param script run with the job as JSON in its only argument
 * @param what it does, for messages: completes "FAISS could not …"
 * @throws RuntimeFault with the reason that FAISS printed
 */
export async function runFaissChild(
  script: string,
  job: object,
  what: string,
  onRows?: (rows: number) => void,
): Promise<void> {
  const child = fork(script, [JSON.stringify(job)], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // Threads of FAISS and of its BLAS would else spin between pieces of work, on cores that others need.
    env: { OMP_WAIT_POLICY: "PASSIVE", OPENBLAS_NUM_THREADS: "1", ...process.env },
  });
  let said = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.on("message", rows => onRows?.(Number(rows)));
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  if (code === 0) return;
  const lines = said.split("\n");
  // Node prints the source that threw before the error itself.
  const line =
    lines.find(line => /^\w*Error: |what\(\)/.test(line)) ?? lines.find(line => /error|cannot|not found/i.test(line));
  const reason = line?.trim() ?? `it ended with ${signal ?? `status ${code}`}`;
  throw internal(`FAISS could not ${what}: ${reason}. If its native binding is missing, run \`npm run setup\`.`);
}
