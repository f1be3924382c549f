/**
 * The program of a worker process. The control process starts it, and speaks to it over Node's channel.
 */
import { bundledFile } from "../../../contract/bundled-file.js";

const bundle = bundledFile("server-worker.cjs");
const { runWorker } = (await import(bundle?.href ?? "./worker.js")) as typeof import("./worker.js");
if (process.send) runWorker();
else {
  process.stderr.write("this program is a part of `merlon serve --workers N`, which starts it\n");
  process.exitCode = 1;
}
