/**
 * The program of a worker of `merlon serve --workers N`: the control process starts it, and they exchange messages over Node's channel.
 */
import { load } from "./bundled.js";

const { runWorker } = (await load(
  "server-worker",
  "../runtime/server/workers/worker.js",
)) as typeof import("../runtime/server/workers/worker.js");
if (process.send) runWorker();
else {
  process.stderr.write("merlon: this program is a part of `merlon serve --workers N`, which starts it\n");
  process.exitCode = 1;
}
