/**
 * The built product: `dist/`, its bundle and its native parts. Programs, workers and declarations are read from there; the set-up compiles
 * stale ones.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../run/graph.mjs";

const DIST = join(ROOT, "dist");

/** The programs, as scripts for Node. */
export const MERLON = join(DIST, "cli", "main.js");
export const TRITONSERVER = join(DIST, "cli", "tritonserver.js");

/** A built file. @param path relative to `dist/` */
export const builtFile = (path: string): string => join(DIST, path);

/** The same as a URL, for an `import()` in another process. */
export const builtUrl = (path: string): string => pathToFileURL(builtFile(path)).href;
