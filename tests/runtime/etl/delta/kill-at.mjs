/**
 * Preloaded into a command: ends its process by SIGKILL before its n-th change of a file, n from KILL_AT. With COUNT_TO, nothing is killed,
 * and the number of changes is written to that file when the process exits.
 */
import fs, { writeFileSync } from "node:fs";
import fsPromises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const at = Number(process.env.KILL_AT ?? Number.POSITIVE_INFINITY);
let count = 0;
const step = () => {
  count++;
  if (count < at) return;
  process.kill(process.pid, "SIGKILL");
  // A loaded system delivers the signal later, and the process must not end by itself before.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
};
const SYNC = [
  "linkSync",
  "renameSync",
  "rmSync",
  "mkdirSync",
  "writeSync",
  "fsyncSync",
  "writeFileSync",
  "fdatasyncSync",
];
for (const [where, names] of [
  [fs, SYNC],
  [fsPromises, ["rename", "rm", "mkdir", "writeFile", "copyFile"]],
])
  for (const name of names) {
    const original = where[name];
    where[name] = function (...args) {
      step();
      return original.apply(this, args);
    };
  }
syncBuiltinESMExports();
if (process.env.COUNT_TO) process.on("exit", () => writeFileSync(process.env.COUNT_TO, String(count)));
