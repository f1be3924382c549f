// The worker with the compiler as an object with calls.

import { startWorker } from "./worker.mjs";

/** Only the newest text matters: a compilation that has not begun is left out where another one follows. */
export function startCompiler(url) {
  const worker = startWorker(url, "compiler");
  const pending = new Map();
  let next = 0;
  let compiling = false;
  let waiting;
  const post = (call, argument) =>
    new Promise((resolve, reject) => {
      pending.set(next, { resolve, reject });
      worker.postMessage({ id: next++, call, argument });
    });
  worker.onmessage = ({ data: { id, value, error } }) => {
    const { resolve, reject } = pending.get(id);
    pending.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  };
  worker.onerror = event => {
    for (const { reject } of pending.values()) reject(new Error(event.message || "the compiler could not be loaded"));
    pending.clear();
  };
  const compile = async argument => {
    if (compiling) {
      waiting?.({ stale: true });
      const turn = await new Promise(resolve => (waiting = resolve));
      if (turn) return turn;
    }
    compiling = true;
    try {
      return await post("compile", argument);
    } finally {
      compiling = false;
      waiting?.();
      waiting = undefined;
    }
  };
  return { call: (call, argument) => (call === "compile" ? compile(argument) : post(call, argument)) };
}
