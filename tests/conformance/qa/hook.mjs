/**
 * Preloaded into the server: where a version folder holds `model.py`, its stand-in is written the first time that the server looks for one. The suites
 * copy models while the server runs, so that they can't be prepared beforehand.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { basename, dirname, join } from "node:path";
import { isMainThread } from "node:worker_threads";
import { STAND_IN } from "./python-model.mjs";

const { stat } = fs.promises;
if (isMainThread) {
  fs.promises.stat = async (path, ...rest) => {
    const wanted = typeof path === "string" && basename(path) === "model.mjs" && !fs.existsSync(path);
    if (wanted && fs.existsSync(join(dirname(path), "model.py"))) fs.writeFileSync(path, STAND_IN);
    return stat(path, ...rest);
  };
  syncBuiltinESMExports();
}
