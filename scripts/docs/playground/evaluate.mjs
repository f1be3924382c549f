// Stands in for compiler/3-graph/evaluate.js: a program runs in a Web Worker of its own, which is terminated after the time limit.
import { startWorker } from "./worker.mjs";

let waiting;

const start = () => startWorker(new URL("program.js", import.meta.url), "program");

/** Starts a worker for the next `evaluate`, so that it loads while the program is being checked. */
export function startEvaluator() {
  waiting ??= start();
}

export async function evaluate({ entry, modules, timeoutSeconds = 10 }) {
  startEvaluator();
  const worker = waiting;
  waiting = undefined;
  let timer;
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = event => reject(new Error(event.message || "the program's worker could not be loaded"));
      worker.postMessage({ entry, modules });
      timer = setTimeout(() => resolve({ kind: "timeout", seconds: timeoutSeconds, stack: "" }), timeoutSeconds * 1000);
    });
  } finally {
    clearTimeout(timer);
    worker.terminate();
  }
}
