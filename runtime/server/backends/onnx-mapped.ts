/**
 * The files of a model that ONNX Runtime maps instead of reading them: weights beside the graph. Reading a page of a file that was
 * truncated meanwhile crashes the process, so a run first checks their sizes.
 */
import { closeSync, fstatSync, openSync, readFileSync, realpathSync } from "node:fs";
import { dirname, sep } from "node:path";
import { internal } from "../../base/errors.js";
import type { OnnxSession } from "./onnx-run.js";

interface MappedFile {
  readonly path: string;
  readonly file: number;
  readonly bytes: number;
}

/** The session itself where nothing is mapped, or the system does not say. @param model the file that was opened */
export function checkMapped(session: OnnxSession, model: string): OnnxSession {
  const files = mappedIn(dirname(model));
  if (files.length === 0) return session;
  const { runSync } = session;
  return {
    graph: session.graph,
    async run(...run) {
      refuseCut(files);
      return session.run(...run);
    },
    ...(runSync && {
      runSync: (feeds, wanted) => {
        refuseCut(files);
        return runSync(feeds, wanted);
      },
    }),
    async release() {
      await session.release();
      for (const { file } of files) closeSync(file);
    },
  };
}

function mappedIn(folder: string): readonly MappedFile[] {
  let maps: string;
  try {
    maps = readFileSync("/proc/self/maps", "utf8");
  } catch {
    return [];
  }
  const inside = realpathSync(folder) + sep;
  const paths = maps.split("\n").flatMap(line => {
    const path = line.slice(line.indexOf("/"));
    return path.startsWith(inside) ? path : [];
  });
  return [...new Set(paths)].map(path => {
    const file = openSync(path, "r");
    return { path, file, bytes: fstatSync(file).size };
  });
}

function refuseCut(files: readonly MappedFile[]): void {
  for (const { path, file, bytes } of files) {
    const { size } = fstatSync(file);
    if (size < bytes)
      throw internal(
        `${path} has ${size} bytes, and had ${bytes} when the model was loaded: it was cut while it was served. Restore the whole file and load the model again. Replace files by renaming, not by writing into the old one.`,
      );
  }
}
