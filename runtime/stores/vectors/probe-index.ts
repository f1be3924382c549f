/**
 * Opens and searches an index file in a short-lived process first, with a limit on its memory and a deadline. A file that crashes native
 * code then costs one model and not the server. For files that no manifest of `merlon build` lists.
 */
import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { SearchParameters } from "../../../formats/faiss/faiss.js";
import { internal } from "../../base/errors.js";
import { semaphore } from "../../base/semaphore.js";
import type { Engine } from "./search.js";

const CHILD = fileURLToPath(new URL("./probe-child.js", import.meta.url));
/** A deadline: this time, and the reading time of a slow disk. */
const FIXED_MS = 30_000;
const SLOWEST_BYTES_PER_MS = 20_000;
/** Address space: Node's reservation, and the limit for an index of that size (faiss-memory.ts) beside the copies of its file. */
const FIXED_BYTES = 4 * 2 ** 30;
const TIMES = 24;
/** Processes side by side while several models are loaded. */
const slots = semaphore(2);

export interface ProbeRequest {
  readonly path: string;
  readonly parameters: SearchParameters;
  readonly by: Engine;
  /** Bytes of address space. */
  readonly memory: number;
}

/**
 * @param child script to run; probe-child.js reads a ProbeRequest from its argument
 * @throws RuntimeFault naming the file, and the signal that ended the process
 */
export async function probeIndex(
  path: string,
  parameters: SearchParameters,
  by: Engine,
  { child = CHILD, fixedMs = FIXED_MS }: { readonly child?: string; readonly fixedMs?: number } = {},
): Promise<void> {
  const { size } = statSync(path);
  const request: ProbeRequest = { path, parameters, by, memory: FIXED_BYTES + TIMES * size };
  const timeout = Math.ceil(fixedMs + size / SLOWEST_BYTES_PER_MS);
  const ended = await slots(() => runChild(child, JSON.stringify(request), timeout));
  if (ended.code === 0) return;
  const reason = ended.signal
    ? `ended with ${ended.signal}${ended.late ? ` after ${timeout} ms` : ""}`
    : (ended.message ?? `ended with exit code ${ended.code}`);
  throw internal(
    `${path} cannot be loaded: a process that opened and searched it first ${ended.message ? `failed: ${reason}` : `${reason}. The file is damaged, or FAISS fails on it. Write it again with \`merlon index build\``}.`,
  );
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly late: boolean;
  /** The last line of the process's error output. */
  readonly message?: string | undefined;
}

function runChild(child: string, argument: string, timeout: number): Promise<Ended> {
  return new Promise(resolve => {
    const options = { timeout, killSignal: "SIGKILL", maxBuffer: 2 ** 16, windowsHide: true } as const;
    const started = execFile(process.execPath, [child, argument], options, (error, stdout) => {
      const late = error?.killed === true;
      const message = stdout.trim() || (error && started.pid === undefined ? error.message : undefined);
      resolve({ code: error ? started.exitCode : 0, signal: started.signalCode, late, message });
    });
  });
}
